//! Kubernetes: paths, lists, and the streams of `exec`.

use wire::kube::items::{Cutter, Piece, Shape};
use wire::kube::spdy::{Spdy, Way};
use wire::kube::websocket::{Sender, WebSocket};
use wire::kube::{Call, Channel, parse};

/// A path that is taken is written so that it is taken again as the same, and never leaves its parts.
pub fn kube_path(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (path, query) =
        text.split_once('?').map_or((&*text, None), |(path, query)| (path, Some(query)));
    for method in ["GET", "POST", "DELETE"] {
        let Ok((call, asked, clean)) = parse(method, path, query) else { continue };
        assert!(!clean.split('/').any(|part| part == ".." || part == "."), "{clean}");
        assert!(!clean.contains("//") && clean.is_ascii(), "{clean}");
        assert_eq!(parse(method, &clean, query), Ok((call.clone(), asked, clean)), "{path}");
        if let Call::Object(object) = call {
            assert!(!object.resource.is_empty() && !object.verb.is_empty());
        }
    }
}

fn pieces(shape: Shape, parts: &[&[u8]]) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
    let (mut cutter, mut around, mut items) = (Cutter::new(shape), Vec::new(), Vec::new());
    for part in parts {
        let mut pieces = Vec::new();
        cutter.read(part, &mut pieces).ok()?;
        for piece in pieces {
            match piece {
                Piece::Around(text) => around.extend(text),
                Piece::Item(item) => items.push(item),
            }
        }
    }
    Some((around, items))
}

/// However a list arrives, it is cut into the same items.
pub fn kube_items(bytes: &[u8]) {
    for shape in [Shape::List, Shape::Watch] {
        let whole = pieces(shape, &[bytes]);
        let (one, other) = bytes.split_at(bytes.len() / 2);
        assert_eq!(pieces(shape, &[one, other]), whole);
        let (_, items) = whole.unwrap_or_default();
        assert!(items.iter().all(|item| item.first() == Some(&b'{')));
    }
}

fn gathered(heard: &mut Vec<(Channel, Vec<u8>)>, channel: Channel, bytes: &[u8]) {
    match heard.last_mut() {
        Some((last, all)) if *last == channel => all.extend_from_slice(bytes),
        Some(_) | None => heard.push((channel, bytes.to_vec())),
    }
}

/// However frames arrive, the same is heard.
pub fn kube_websocket(bytes: &[u8]) {
    for sender in [Sender::Client, Sender::Server] {
        let follow = |parts: &[&[u8]]| {
            let (mut heard, mut socket) = (Vec::new(), WebSocket::new(sender));
            let mut listen = |channel, bytes: &[u8]| gathered(&mut heard, channel, bytes);
            let ended = parts.iter().try_for_each(|part| socket.follow(part, &mut listen));
            (ended, heard)
        };
        let (one, other) = bytes.split_at(bytes.len() / 2);
        assert_eq!(follow(&[one, other]), follow(&[bytes]));
    }
}

/// However frames arrive, the same is heard; headers are bounded.
pub fn kube_spdy(bytes: &[u8]) {
    let follow = |parts: &[&[u8]]| {
        let (mut heard, mut spdy) = (Vec::new(), Spdy::new());
        let mut listen = |channel, bytes: &[u8]| gathered(&mut heard, channel, bytes);
        let ended = parts.iter().try_for_each(|part| spdy.follow(Way::Up, part, &mut listen));
        (ended, heard)
    };
    let (one, other) = bytes.split_at(bytes.len() / 2);
    assert_eq!(follow(&[one, other]), follow(&[bytes]));
}
