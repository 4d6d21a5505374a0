# uv, which installs packages and is not in the image
FROM python:3.12-slim AS uv
RUN --mount=type=cache,id=flyte-core-pip,target=/var/cache/pip \
    python3 -m pip --version >/dev/null 2>&1 && pip='python3 -m pip' || \
    { python3 -m venv /opt/pip && pip=/opt/pip/bin/pip; } && \
    $pip install --cache-dir /var/cache/pip --no-deps --target /opt/uv uv

# The base image
FROM python:3.12-slim
USER 0:0

# The environment that packages go into
ENV VIRTUAL_ENV="/opt/venv" \
    PATH="/opt/venv/bin:$PATH"
RUN --mount=type=cache,id=flyte-core-uv,target=/var/cache/uv \
    --mount=type=bind,from=uv,source=/opt/uv,target=/opt/uv \
    UV_PYTHON_INSTALL_DIR=/opt/python /opt/uv/bin/uv venv --cache-dir /var/cache/uv \
    --python 3.12 --no-project --allow-existing /opt/venv

# Layer 1: Python packages of a requirements file
RUN --mount=type=cache,id=flyte-core-uv,target=/var/cache/uv \
    --mount=type=bind,from=uv,source=/opt/uv,target=/opt/uv \
    --mount=type=bind,source=01-requirements-DIGEST,target=/mnt/requirements \
    /opt/uv/bin/uv pip install --cache-dir /var/cache/uv --link-mode copy --compile-bytecode --python /opt/venv \
    --requirement /mnt/requirements/requirements.txt

LABEL org.opencontainers.image.title="app" \
    org.opencontainers.image.base.name="docker.io/library/python:3.12-slim"
