"""The store in NATS JetStream, shared with programs in any language."""
