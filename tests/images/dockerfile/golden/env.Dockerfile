FROM python:3.12-slim

# A line break, which no instruction can hold
ARG FLYTE_CORE_NEWLINE

# Layer 1: variables
ENV PATH="/own:$PATH" \
    A="it's \"x\""
ENV B="$A costs \$5" \
    TEXT="one${FLYTE_CORE_NEWLINE}two"

LABEL org.opencontainers.image.title="app" \
    org.opencontainers.image.base.name="docker.io/library/python:3.12-slim"
