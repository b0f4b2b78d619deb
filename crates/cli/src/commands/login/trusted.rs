//! Whether the server is the right one: asked once, remembered after.

use std::io::Write;

use crate::client::stored_authorities;
use crate::context::Context;
use crate::error::Error;
use crate::output::one_line;
use crate::profile::Profile;
use crate::trust::{Pin, Trust, look};

/// The port of a server that is named without one.
const PORT: u16 = 443;

/// `HOST:PORT`, whatever of it is said; a scheme and slashes are taken off.
pub(super) fn with_port(address: &str) -> String {
    let address = address.strip_prefix("https://").unwrap_or(address).trim_end_matches('/');
    let port = address.rsplit_once(':').is_some_and(|(host, port)| {
        port.bytes().all(|digit| digit.is_ascii_digit())
            && (!host.contains(':') || host.ends_with(']'))
    });
    if port { address.to_owned() } else { format!("{address}:{PORT}") }
}

/// Whom to believe: the pin given, the authorities of the last login there, or what someone says yes to.
pub(super) fn trust(
    cx: &mut Context,
    address: &str,
    given: Option<Pin>,
    old: Option<&Profile>,
) -> Result<(Trust, Pin), Error> {
    if let Some(pin) = given {
        return Ok((Trust::Pin(pin.clone()), pin));
    }
    if let Some(profile) = old.filter(|profile| profile.proxy == address)
        && let (Ok(authorities), Ok(pin)) = (stored_authorities(&cx.home), profile.pin.parse())
    {
        return Ok((Trust::Authorities(authorities), pin));
    }
    let pin = look(address)?;
    if !cx.terminal.input {
        return Err(Error::usage(format!(
            "`{}` is not trusted yet, and nobody is there to ask",
            one_line(address)
        ))
        .hint(format!("compare with what `countersign start` prints, then: --pin {pin}")));
    }
    writeln!(
        cx.err,
        "The server {} shows an authority that is not known here:",
        one_line(address)
    )?;
    writeln!(cx.err, "  {pin}")?;
    let answer = cx.ask("Is it the pin that `countersign start` prints? Type yes to trust it: ")?;
    match answer.trim() {
        "yes" | "y" | "YES" | "Yes" => Ok((Trust::Pin(pin.clone()), pin)),
        _ => Err(Error::network("the server was not trusted; nothing was sent")),
    }
}

#[cfg(test)]
mod tests {
    use super::with_port;

    #[test]
    fn a_server_has_a_port() {
        for (said, meant) in [
            ("gw", "gw:443"),
            ("gw:3080", "gw:3080"),
            ("https://gw/", "gw:443"),
            ("[::1]:3080", "[::1]:3080"),
            ("[::1]", "[::1]:443"),
        ] {
            assert_eq!(with_port(said), meant);
        }
    }
}
