/** What a server is called that was found under a name, as a pod of Kubernetes. */
export interface ServerName {
  /** For people; one of its pool. */
  readonly name: string;
  /** Tells it from another that has the name, or its address, later; empty where nothing does. */
  readonly uid: string;
}
