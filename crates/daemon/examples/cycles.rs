//! How many requests can be filed and approved a second, with every step durable.
//!
//!     cargo run --release --example cycles -- ALICE_HOME BOB_HOME [CLIENTS] [SECONDS]
//!
//! Each client files a request as one user and approves it as the other, over its own TLS connections, and counts a
//! cycle when both were acknowledged. Prints one line of JSON: cycles, seconds, cycles a second, the slowest in ms.

use api::endpoints::requests::{FILE, REVIEW};
use api::request::{Decision, NewRequest, NewReview, RequestView};
use cli::client::Api;
use cli::home::Home;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measuring tool reads the clock and prints what it measured"
)]
fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let mut home = |what: &str| {
        args.next().map(PathBuf::from).ok_or_else(|| anyhow::anyhow!("which {what} home?"))
    };
    let (alice, bob) = (home("alice's")?, home("bob's")?);
    let clients: usize = args.next().map_or(Ok(8), |text| text.parse())?;
    let seconds: u64 = args.next().map_or(Ok(10), |text| text.parse())?;
    let started = Instant::now();
    let end = started + Duration::from_secs(seconds);
    let cycle = move || -> anyhow::Result<(u64, Duration)> {
        let now = jiff::Timestamp::now();
        let ask = Api::as_user(&Home::at(&alice), now)?;
        let answer = Api::as_user(&Home::at(&bob), now)?;
        let (mut cycles, mut slowest) = (0, Duration::ZERO);
        while Instant::now() < end {
            let begun = Instant::now();
            let draft = NewRequest {
                roles: vec!["dba".to_owned()],
                reason: "measured".to_owned(),
                ..NewRequest::default()
            };
            let filed: RequestView = ask.tell(&FILE, &[], &draft)?;
            let review = NewReview {
                decision: Decision::Approve,
                reason: String::new(),
                duration: None,
                assume_start: None,
            };
            let _: RequestView = answer.tell(&REVIEW, &[&filed.id], &review)?;
            cycles += 1;
            slowest = slowest.max(begun.elapsed());
        }
        Ok((cycles, slowest))
    };
    let threads: Vec<_> = (0..clients).map(|_| std::thread::spawn(cycle.clone())).collect();
    let (mut cycles, mut slowest) = (0, Duration::ZERO);
    for thread in threads {
        let (count, longest) =
            thread.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
        cycles += count;
        slowest = slowest.max(longest);
    }
    let took = started.elapsed().as_secs_f64();
    println!(
        "{}",
        serde_json::json!({ "cycles": cycles, "seconds": took, "per_second": cycles as f64 / took, "slowest_ms": slowest.as_secs_f64() * 1000.0 })
    );
    Ok(())
}
