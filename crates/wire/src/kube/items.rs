//! The items of a list, and the events of a watch, cut out of JSON as it passes.
//!
//! A list may be larger than memory: only the item that is being read is kept. Nothing is understood but strings,
//! braces and brackets (RFC 8259), which is what cutting needs; who reads an item reads it with a parser.

/// The longest item. etcd takes 1.5 MiB, and JSON writes some bytes as six.
pub const MAX_ITEM: usize = 8 * 1024 * 1024;
/// The most that stands around the items: a Table's columns.
const MAX_AROUND: usize = 1024 * 1024;
/// How deep values may stand in each other (the API server takes 10,000; objects have some dozens).
const MAX_DEPTH: usize = 512;

/// What is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shape {
    /// One object; its items stand in the array of this name: `items`, or `rows` of a Table.
    List,
    /// Values one after the other, each an event.
    Watch,
}

/// A piece of what was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Piece {
    /// What stands around the items, to be passed on as it is.
    Around(Vec<u8>),
    /// An item, or an event. In a list, commas are left out: whoever writes puts them between items.
    Item(Vec<u8>),
}

/// Why it cannot be cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Uncut {
    /// An item, or what stands around them, is longer than the limit.
    #[error("an item is longer than {MAX_ITEM} bytes")]
    Long,
    /// It is no JSON that can be cut.
    #[error("it is no list of objects")]
    Shape,
}

/// Cuts.
#[derive(Clone, Debug)]
pub struct Cutter {
    shape: Shape,
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The last string at depth 1, its name when a colon follows.
    key: Vec<u8>,
    /// Whether the string that is read is at depth 1, and may be a name.
    keyed: bool,
    /// Whether the array of items is what is read.
    in_items: bool,
    /// Whether the array of items has been read.
    seen_items: bool,
    /// Whether the object has ended.
    ended: bool,
    around: Vec<u8>,
    around_total: usize,
    item: Vec<u8>,
}

impl Cutter {
    /// Cuts what has this shape.
    #[must_use]
    pub const fn new(shape: Shape) -> Self {
        Self {
            shape,
            depth: 0,
            in_string: false,
            escaped: false,
            key: Vec::new(),
            keyed: false,
            in_items: false,
            seen_items: false,
            ended: false,
            around: Vec::new(),
            around_total: 0,
            item: Vec::new(),
        }
    }

    /// Reads some more bytes.
    ///
    /// # Errors
    /// Where it cannot be cut; nothing of what follows can.
    pub fn read(&mut self, bytes: &[u8], pieces: &mut Vec<Piece>) -> Result<(), Uncut> {
        for byte in bytes {
            self.one(*byte, pieces)?;
        }
        if !self.around.is_empty() {
            pieces.push(Piece::Around(std::mem::take(&mut self.around)));
        }
        Ok(())
    }

    /// Whether nothing is missing at the end.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        match self.shape {
            Shape::List => self.ended,
            Shape::Watch => self.depth == 0 && !self.in_string,
        }
    }

    /// Whether it stands between two events, or has not begun.
    #[must_use]
    pub const fn is_between(&self) -> bool {
        self.depth == 0 && !self.in_string
    }

    /// The depth at which items stand.
    const fn floor(&self) -> usize {
        match self.shape {
            Shape::List => 2,
            Shape::Watch => 0,
        }
    }

    fn one(&mut self, byte: u8, pieces: &mut Vec<Piece>) -> Result<(), Uncut> {
        let is_space = matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        if self.ended && !is_space {
            return Err(Uncut::Shape);
        }
        let among = match self.shape {
            Shape::List => self.in_items,
            Shape::Watch => true,
        };
        if self.in_string {
            return self.in_text(byte, among);
        }
        let before = self.depth;
        match byte {
            b'"' => {
                self.in_string = true;
                self.keyed = self.depth == 1 && !among;
                if self.keyed {
                    self.key.clear();
                }
            }
            b'{' | b'[' => {
                self.depth = self.depth.saturating_add(1);
                if self.depth > MAX_DEPTH {
                    return Err(Uncut::Shape);
                }
                if self.opens_items(byte, before)? {
                    self.in_items = true;
                    return self.keep_around(byte);
                }
            }
            b'}' | b']' => {
                self.depth = self.depth.checked_sub(1).ok_or(Uncut::Shape)?;
                if among && self.shape == Shape::List && self.depth < self.floor() {
                    (self.in_items, self.seen_items) = (false, true);
                    return self.keep_around(byte);
                }
                if self.shape == Shape::List && self.depth == 0 {
                    self.ended = true;
                }
            }
            _ => {}
        }
        if !among {
            return self.keep_around(byte);
        }
        if before == self.floor() && self.depth == self.floor() {
            // Between items: nothing but space and commas, since items are objects.
            let comma = byte == b',' && self.shape == Shape::List;
            return if is_space || comma { Ok(()) } else { Err(Uncut::Shape) };
        }
        if before == self.floor() && byte != b'{' {
            return Err(Uncut::Shape);
        }
        self.keep(byte)?;
        if self.depth == self.floor() {
            pieces.extend(
                Some(std::mem::take(&mut self.around))
                    .filter(|around| !around.is_empty())
                    .map(Piece::Around),
            );
            pieces.push(Piece::Item(std::mem::take(&mut self.item)));
        }
        Ok(())
    }

    fn in_text(&mut self, byte: u8, among: bool) -> Result<(), Uncut> {
        match (self.escaped, byte) {
            (true, _) => self.escaped = false,
            (false, b'\\') => self.escaped = true,
            (false, b'"') => self.in_string = false,
            (false, _) => {}
        }
        if self.keyed && self.in_string && self.key.len() < 64 {
            self.key.push(byte);
        }
        if among { self.keep(byte) } else { self.keep_around(byte) }
    }

    /// Whether the value that begins is the array of items.
    fn opens_items(&self, byte: u8, before: usize) -> Result<bool, Uncut> {
        if self.shape != Shape::List || before != 1 || self.in_items {
            return Ok(false);
        }
        let named = matches!(self.key.as_slice(), b"items" | b"rows");
        // A name written with an escape could be read as one of ours by others.
        if self.key.contains(&b'\\') || named && (byte != b'[' || self.seen_items) {
            return Err(Uncut::Shape);
        }
        Ok(named)
    }

    fn keep_around(&mut self, byte: u8) -> Result<(), Uncut> {
        self.around_total = self.around_total.saturating_add(1);
        if self.around_total > MAX_AROUND {
            return Err(Uncut::Long);
        }
        self.around.push(byte);
        Ok(())
    }

    fn keep(&mut self, byte: u8) -> Result<(), Uncut> {
        if self.item.len() >= MAX_ITEM {
            return Err(Uncut::Long);
        }
        self.item.push(byte);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left when items with `no` in them are taken out.
    fn filtered(shape: Shape, parts: &[&[u8]]) -> Result<String, Uncut> {
        let mut cutter = Cutter::new(shape);
        let (mut out, mut first) = (Vec::new(), true);
        for part in parts {
            let mut pieces = Vec::new();
            cutter.read(part, &mut pieces)?;
            for piece in pieces {
                match piece {
                    Piece::Around(text) => out.extend(text),
                    Piece::Item(item) if item.windows(2).any(|two| two == b"no") => {}
                    Piece::Item(item) => {
                        if !first {
                            out.push(if shape == Shape::List { b',' } else { b'\n' });
                        }
                        first = false;
                        out.extend(item);
                    }
                }
            }
        }
        if cutter.is_whole() { Ok(String::from_utf8(out).unwrap()) } else { Err(Uncut::Shape) }
    }

    #[test]
    fn items_are_cut_out_wherever_the_bytes_are_cut() {
        let list = r#"{"kind":"PodList","metadata":{"items":"x","a":["]"]}, "items": [ {"a":"no"} , {"b":{"c":["}\"",1]}},{"n":"no"},{"d":2} ],"z":"items"}"#;
        let left = r#"{"kind":"PodList","metadata":{"items":"x","a":["]"]}, "items": [{"b":{"c":["}\"",1]}},{"d":2}],"z":"items"}"#;
        for at in 0..list.len() {
            let (one, other) = list.as_bytes().split_at(at);
            assert_eq!(filtered(Shape::List, &[one, other]).unwrap(), left, "{at}");
        }
        let watch = b"{\"type\":\"ADDED\"}\n{\"x\":\"no\"}\n{\"y\":[{}]}\n";
        assert_eq!(filtered(Shape::Watch, &[watch]).unwrap(), "{\"type\":\"ADDED\"}\n{\"y\":[{}]}");
        assert_eq!(filtered(Shape::List, &[br#"{"items":[]}"#]).unwrap(), r#"{"items":[]}"#);
        assert_eq!(filtered(Shape::List, &[br#"{"items":null}"#]).unwrap(), r#"{"items":null}"#);
    }

    #[test]
    fn what_others_could_read_otherwise_is_not_cut() {
        for text in [
            r#"{"items":{"a":1}}"#,
            r#"{"items":[1,2]}"#,
            r#"{"items":[[{}]]}"#,
            r#"{"items":["a"]}"#,
            r#"{"items":[{}],"items":[{}]}"#,
            r#"{"items":[{}],"rows":[{}]}"#,
            r#"{"it\u0065ms":[{}]}"#,
            r#"{"items":[{}]}{"items":[{}]}"#,
            r#"{"items":[{}"#,
            r#"{"items":[{}}"#,
            "}",
        ] {
            assert!(filtered(Shape::List, &[text.as_bytes()]).is_err(), "{text}");
        }
        let deep = "[".repeat(MAX_DEPTH + 2);
        assert!(filtered(Shape::List, &[format!("{{\"a\":{deep}").as_bytes()]).is_err());
        assert!(filtered(Shape::Watch, &[b"1"]).is_err());
    }
}
