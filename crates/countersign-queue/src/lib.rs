//! countersign-queue
