"""Images: their definition to a Dockerfile, the engine that has them built, and what registries know of them."""
