//! End-to-end stories: the real daemon, real `tsh` and `tctl`, a real sshd and a real ssh, on loopback.
//!
//! Rules are proven in `access`; these prove the wiring. One binary, a module per story.

mod crash;
mod hostile;
mod house;
mod sshd;
mod story;
