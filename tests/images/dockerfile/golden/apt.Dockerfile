FROM python:3.12-slim
USER 0:0

# Layer 1: packages of the operating system
RUN --mount=type=cache,id=flyte-core-apt,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,id=flyte-core-apt-lists,target=/var/lib/apt/lists,sharing=locked \
    --mount=type=secret,id=2fd353cc8fcb1448,target=/etc/apt/auth.conf \
    apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get -o Dir::Cache::archives=/var/cache/apt/flyte-core \
    install --yes --no-install-recommends \
    git 'curl=7.*'

LABEL org.opencontainers.image.title="app" \
    org.opencontainers.image.base.name="docker.io/library/python:3.12-slim"
