//! The API as its callers meet it: a real store in a directory of its own, the whole router, a clock
//! the test moves. One binary, a module per story.

mod contract;
mod coverage;
mod documents;
mod followed;
mod house;
mod requests;
mod stage;
