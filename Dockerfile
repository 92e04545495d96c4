FROM node:26-slim AS base
WORKDIR /app
COPY package.json package-lock.json ./

FROM base AS dependencies
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

# The npm package, as `npm pack` has it.
FROM base AS package
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm pack --silent && tar -xzf plimsoll-*.tgz

FROM node:26-slim
WORKDIR /app
ENV NODE_ENV=production \
    PLIMSOLL_HTTP_HOST=0.0.0.0 \
    PLIMSOLL_HTTP_PORT=8080 \
    PLIMSOLL_HTTP_OPERATOR_KEY_ENV=PLIMSOLL_KEY
COPY --from=dependencies /app/node_modules node_modules
COPY --from=package /app/package ./
USER node
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["node", "dist/node/plimsoll.js", "health"]
# Nothing under /app is written. Workers (more than one) have a socket in /tmp.
ENTRYPOINT ["node", "dist/node/plimsoll.js"]
CMD ["serve", "--config", "/etc/plimsoll/config.yaml"]
