"""What the library costs, beside the same work done by hand or by a peer."""
