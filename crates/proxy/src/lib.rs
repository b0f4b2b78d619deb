//! The data plane: listen, route, gate, corridor, record, and the doors.

pub mod record;
