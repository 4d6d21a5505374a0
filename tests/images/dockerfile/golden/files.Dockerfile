FROM python:3.12-slim

# Layer 1: working directory
WORKDIR /my app

# Layer 2: files
COPY 02-copy/own.py .

# Layer 3: files
COPY ["03-copy/", "/data/more of it"]

LABEL org.opencontainers.image.title="app" \
    org.opencontainers.image.base.name="docker.io/library/python:3.12-slim"
