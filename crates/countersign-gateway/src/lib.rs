//! countersign-gateway
