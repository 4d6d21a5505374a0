# uv, which installs packages and is not in the image
FROM python:3.12-slim-bookworm AS uv
RUN --mount=type=cache,id=flyte-core-pip,target=/var/cache/pip \
    python3 -m pip --version >/dev/null 2>&1 && pip='python3 -m pip' || \
    { python3 -m venv /opt/pip && pip=/opt/pip/bin/pip; } && \
    $pip install --cache-dir /var/cache/pip --no-deps --target /opt/uv uv

# The base image
FROM python:3.12-slim-bookworm
USER 0:0

# The environment that packages go into
RUN --mount=type=cache,id=flyte-core-uv,target=/var/cache/uv \
    --mount=type=bind,from=uv,source=/opt/uv,target=/opt/uv \
    UV_PYTHON_INSTALL_DIR=/opt/python /opt/uv/bin/uv venv --cache-dir /var/cache/uv \
    --python 3.12 --no-project --allow-existing /opt/venv

# Layer 1: variables
ENV VIRTUAL_ENV="/opt/venv" \
    PATH="/opt/venv/bin:$PATH" \
    PYTHONPATH="/root" \
    UV_LINK_MODE="copy"

# Layer 2: working directory
WORKDIR /root

# Layer 3: packages of the operating system
RUN --mount=type=cache,id=flyte-core-apt,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,id=flyte-core-apt-lists,target=/var/lib/apt/lists,sharing=locked \
    apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get -o Dir::Cache::archives=/var/cache/apt/flyte-core \
    install --yes --no-install-recommends \
    build-essential ca-certificates

# Layer 4: Python packages
RUN --mount=type=cache,id=flyte-core-uv,target=/var/cache/uv \
    --mount=type=bind,from=uv,source=/opt/uv,target=/opt/uv \
    /opt/uv/bin/uv pip install --cache-dir /var/cache/uv --link-mode copy --compile-bytecode --python /opt/venv \
    flyte-core==1.0.0

# Layer 5: files
COPY 05-copy/ ./more

LABEL org.opencontainers.image.title="app" \
    org.opencontainers.image.base.name="docker.io/library/python:3.12-slim-bookworm"
