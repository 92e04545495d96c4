/** What an Envoy in front is told. Ports are of this machine. */
export interface EnvoySettings {
  readonly port: number;
  readonly picker: number;
  readonly servers: readonly number[];
}

/**
 * An Envoy that asks a picker on every request: as the protocol has it, with `ext_proc` in full duplex and
 * `override_host`, which follows the picker's list when it tries again and says in the end who has served. The header
 * `x-subset` takes the place of a mesh that offers a part of the servers.
 */
export function envoyConfig({ port, picker, servers }: EnvoySettings): string {
  const address = (at: number) => `{ socket_address: { address: 127.0.0.1, port_value: ${at} } }`;
  const endpoint = (at: number) => `{ endpoint: { address: ${address(at)} } }`;
  return `
static_resources:
  listeners:
    - address: ${address(port)}
      filter_chains:
        - filters:
            - name: http
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: in
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes:
                        - match: { prefix: "/" }
                          route:
                            cluster: servers
                            timeout: 0s
                            retry_policy:
                              retry_on: connect-failure,retriable-status-codes
                              retriable_status_codes: [503]
                              num_retries: 2
                http_filters:
                  - name: subset
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config
                      request_rules:
                        - header: x-subset
                          remove: true
                          on_header_present:
                            metadata_namespace: envoy.lb.subset_hint
                            key: x-gateway-destination-endpoint-subset
                            type: STRING
                  - name: picker
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor
                      grpc_service: { envoy_grpc: { cluster_name: picker } }
                      message_timeout: 10s
                      processing_mode:
                        request_header_mode: SEND
                        response_header_mode: SEND
                        request_body_mode: FULL_DUPLEX_STREAMED
                        response_body_mode: FULL_DUPLEX_STREAMED
                        request_trailer_mode: SEND
                        response_trailer_mode: SEND
                      metadata_options:
                        forwarding_namespaces: { untyped: [envoy.lb, envoy.lb.subset_hint] }
                        receiving_namespaces: { untyped: [envoy.lb] }
                  - name: router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
    - name: servers
      type: STATIC
      connect_timeout: 1s
      load_balancing_policy:
        policies:
          - typed_extension_config:
              name: picked
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost
                override_host_sources:
                  - metadata: { key: envoy.lb, path: [{ key: x-gateway-destination-endpoint }] }
                selected_host_key: { key: envoy.lb, path: [{ key: x-gateway-destination-endpoint-served }] }
                fallback_policy:
                  policies:
                    - typed_extension_config:
                        name: in-turn
                        typed_config:
                          "@type": type.googleapis.com/envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin
      load_assignment:
        cluster_name: servers
        endpoints: [{ lb_endpoints: [${servers.map(endpoint).join(", ")}] }]
    - name: picker
      type: STATIC
      connect_timeout: 1s
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: { http2_protocol_options: {} }
      load_assignment:
        cluster_name: picker
        endpoints: [{ lb_endpoints: [${endpoint(picker)}] }]
`;
}
