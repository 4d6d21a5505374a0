FROM python:3.12-slim
USER 0:0

# Layer 1: commands
RUN --mount=type=secret,id=f5d9471741966186 \
    export TOKEN="$(cat /run/secrets/f5d9471741966186)"; \
    make && make install
RUN --mount=type=secret,id=f5d9471741966186 \
    ["/bin/sh", "-c", "export TOKEN=\"$(cat /run/secrets/f5d9471741966186)\"; cd /src\nmake"]
RUN --mount=type=secret,id=f5d9471741966186 \
    export TOKEN="$(cat /run/secrets/f5d9471741966186)"; \
    apk add \
  git
RUN --mount=type=secret,id=f5d9471741966186 \
    export TOKEN="$(cat /run/secrets/f5d9471741966186)"; \
    curl -H $TOKEN example.com

LABEL org.opencontainers.image.title="app" \
    org.opencontainers.image.base.name="docker.io/library/python:3.12-slim"
