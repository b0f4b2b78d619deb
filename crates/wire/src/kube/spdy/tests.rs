//! Both directions, as peers send them.

use flate2::{Compress, Compression, FlushCompress};

use super::*;

/// What a peer sends.
struct Peer(Compress);

impl Peer {
    fn new() -> Self {
        let mut pack = Compress::new(Compression::default(), true);
        pack.set_dictionary(DICTIONARY).unwrap();
        Self(pack)
    }

    fn block(&mut self, pairs: &[(&str, &str)]) -> Vec<u8> {
        let mut plain = u32::try_from(pairs.len()).unwrap().to_be_bytes().to_vec();
        for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
            plain.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
            plain.extend(text.bytes());
        }
        let mut packed = Vec::with_capacity(4096);
        self.0.compress_vec(&plain, &mut packed, FlushCompress::Sync).unwrap();
        packed
    }

    fn syn_stream(&mut self, id: u32, kind: &str) -> Vec<u8> {
        let mut body = id.to_be_bytes().to_vec();
        body.extend([0; 6]);
        body.extend(self.block(&[("streamtype", kind), (":path", "/")]));
        control(SYN_STREAM, &body)
    }

    fn syn_reply(&mut self, id: u32) -> Vec<u8> {
        let mut body = id.to_be_bytes().to_vec();
        body.extend(self.block(&[]));
        control(SYN_REPLY, &body)
    }
}

fn control(kind: u16, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80, 3];
    frame.extend(kind.to_be_bytes());
    frame.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
    frame.extend(body);
    frame
}

fn data(id: u32, body: &[u8]) -> Vec<u8> {
    let mut frame = id.to_be_bytes().to_vec();
    frame.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
    frame.extend(body);
    frame
}

fn follow(spdy: &mut Spdy, way: Way, bytes: &[u8]) -> Result<Vec<(Channel, Vec<u8>)>, Unfollowed> {
    let mut heard: Vec<(Channel, Vec<u8>)> = Vec::new();
    spdy.follow(way, bytes, &mut |channel, bytes: &[u8]| match heard.last_mut() {
        Some((last, all)) if *last == channel => all.extend_from_slice(bytes),
        Some(_) | None => heard.push((channel, bytes.to_vec())),
    })?;
    Ok(heard)
}

#[test]
fn the_dictionary_is_the_one_that_zlib_streams_of_spdy_name() {
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in DICTIONARY {
        a = (a + u32::from(*byte)) % 65521;
        b = (b + a) % 65521;
    }
    assert_eq!(b << 16 | a, 0xe3c6_a7c2);
}

#[test]
fn channels_are_heard_by_the_names_their_streams_were_given() {
    let mut client = Peer::new();
    let mut server = Peer::new();
    let mut up = Vec::new();
    for (id, kind) in [(1, "error"), (3, "stdin"), (5, "stdout"), (7, "resize")] {
        up.extend(client.syn_stream(id, kind));
    }
    up.extend(control(6, &[0, 0, 0, 1]));
    up.extend(data(3, b"ls\n"));
    up.extend(data(7, b"{\"Width\":80,\"Height\":24}\n"));
    let mut down = Vec::new();
    for id in [1, 3, 5, 7] {
        down.extend(server.syn_reply(id));
    }
    down.extend(data(5, b"bin\n"));
    down.extend(data(9, b"of nobody"));
    down.extend(data(1, b"{}"));
    for cut in 0..up.len() {
        let mut spdy = Spdy::new();
        let mut heard = follow(&mut spdy, Way::Up, &up[..cut]).unwrap();
        heard.extend(follow(&mut spdy, Way::Up, &up[cut..]).unwrap());
        let all: Vec<u8> = heard.into_iter().flat_map(|(_, bytes)| bytes).collect();
        assert_eq!(all, b"ls\n{\"Width\":80,\"Height\":24}\n", "{cut}");
        let heard = follow(&mut spdy, Way::Down, &down).unwrap();
        assert_eq!(heard, [(Channel::Stdout, b"bin\n".to_vec()), (Channel::Error, b"{}".to_vec())]);
    }
}

#[test]
fn what_breaks_the_protocol_is_not_followed() {
    let mut bomb = Peer::new();
    let long = "a".repeat(MAX_UNPACKED * 2);
    let mut body = vec![0; 10];
    let mut packed = bomb.block(&[("streamtype", &long)]);
    body.append(&mut packed);
    for frame in [
        control(SYN_STREAM, &[0, 0, 0, 1]),
        control(SYN_STREAM, &[&[0; 10][..], b"no zlib at all"].concat()),
        control(SYN_REPLY, &[0, 0, 0, 1, 0x78, 0xbb, 0, 0, 0, 0]),
        control(SYN_STREAM, &body),
        control(5, &[]),
        vec![0x80, 2, 0, 1, 0, 0, 0, 0],
        vec![0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff],
    ] {
        assert!(follow(&mut Spdy::new(), Way::Up, &frame).is_err(), "{frame:02x?}");
    }
}

#[test]
fn streams_are_counted() {
    let mut client = Peer::new();
    let mut spdy = Spdy::new();
    for number in 0..u32::try_from(MAX_STREAMS).unwrap() {
        follow(&mut spdy, Way::Up, &client.syn_stream(number * 2 + 1, "stdin")).unwrap();
    }
    assert!(follow(&mut spdy, Way::Up, &client.syn_stream(99_999, "stdin")).is_err());
}
