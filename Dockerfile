FROM node:26-slim AS base
WORKDIR /app
COPY package.json package-lock.json ./

FROM base AS dashboard
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY src/dashboard src/dashboard
RUN npm run build:dashboard

FROM base AS dependencies
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM base
ENV NODE_ENV=production \
    PLIMSOLL_HTTP_HOST=0.0.0.0 \
    PLIMSOLL_HTTP_PORT=8080 \
    PLIMSOLL_HTTP_OPERATOR_KEY_ENV=PLIMSOLL_KEY
COPY --from=dependencies /app/node_modules node_modules
COPY --from=dashboard /app/dist/dashboard dist/dashboard
COPY LICENSE ./
COPY config config
COPY src src
USER node
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PLIMSOLL_HTTP_PORT + '/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "src/main.ts"]
CMD ["serve", "--config", "/etc/plimsoll/config.yaml"]
