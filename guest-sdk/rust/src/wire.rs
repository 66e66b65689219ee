//! The layout of messages: little endian; a text or bytes is its length as
//! u32 and itself; a list is its count as u32 and its items.

use alloc::vec::Vec;

/// Reads a message. After the first fault every read answers zero; the
/// message is whole only if [`Reader::end`] says so.
pub struct Reader<'a> {
    left: &'a [u8],
    bad: bool,
}

impl<'a> Reader<'a> {
    /// Reads from the beginning of a message.
    pub fn new(message: &'a [u8]) -> Self {
        Reader { left: message, bad: false }
    }

    fn take(&mut self, n: usize) -> &'a [u8] {
        if self.bad || n > self.left.len() {
            self.bad = true;
            return &[];
        }
        let (head, tail) = self.left.split_at(n);
        self.left = tail;
        head
    }

    fn le(&mut self, n: usize) -> u64 {
        self.take(n).iter().rev().fold(0, |v, b| v << 8 | u64::from(*b))
    }

    /// A byte.
    pub fn u8(&mut self) -> u8 {
        self.le(1) as u8
    }

    /// A number of 32 bits.
    pub fn u32(&mut self) -> u32 {
        self.le(4) as u32
    }

    /// A number of 64 bits.
    pub fn u64(&mut self) -> u64 {
        self.le(8)
    }

    /// A bool, which is 0 or 1.
    pub fn boolean(&mut self) -> bool {
        let v = self.u8();
        self.bad |= v > 1;
        v == 1
    }

    /// Bytes; they share the message.
    pub fn bytes(&mut self) -> &'a [u8] {
        let n = self.u32() as usize;
        self.take(n)
    }

    /// Text, which is UTF-8.
    pub fn text(&mut self) -> &'a str {
        let bytes = self.bytes();
        core::str::from_utf8(bytes).unwrap_or_else(|_| {
            self.bad = true;
            ""
        })
    }

    /// A list, each item read by `item`. An item takes at least `bytes_min`
    /// bytes, so that a false count asks for no memory.
    pub fn list<T>(&mut self, bytes_min: usize, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let n = self.u32() as usize;
        self.bad |= n > self.left.len() / bytes_min.max(1);
        let mut out = Vec::new();
        while !self.bad && out.len() < n {
            out.push(item(self));
        }
        out
    }

    /// Whether the message was whole and nothing is left of it.
    pub fn end(&self) -> bool {
        !self.bad && self.left.is_empty()
    }
}

/// Writes a message.
#[derive(Default)]
pub struct Writer {
    /// What was written.
    pub out: Vec<u8>,
}

impl Writer {
    /// A message of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// A byte.
    pub fn u8(mut self, v: u8) -> Self {
        self.out.push(v);
        self
    }

    /// A number of 32 bits.
    pub fn u32(mut self, v: u32) -> Self {
        self.out.extend_from_slice(&v.to_le_bytes());
        self
    }

    /// A number of 64 bits.
    pub fn u64(mut self, v: u64) -> Self {
        self.out.extend_from_slice(&v.to_le_bytes());
        self
    }

    /// A bool.
    pub fn boolean(self, v: bool) -> Self {
        self.u8(v.into())
    }

    /// Text or bytes.
    pub fn bytes(self, v: impl AsRef<[u8]>) -> Self {
        let v = v.as_ref();
        let mut w = self.u32(v.len() as u32);
        w.out.extend_from_slice(v);
        w
    }

    /// A list of pairs of texts, such as headers.
    pub fn pairs<T: AsRef<[u8]>>(self, pairs: &[(T, T)]) -> Self {
        let w = self.u32(pairs.len() as u32);
        pairs.iter().fold(w, |w, (a, b)| w.bytes(a).bytes(b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let m = Writer::new().u8(7).u32(0x01020304).u64(u64::MAX - 1).boolean(true).bytes("täxt").pairs(&[("a", "b")]).out;
        assert_eq!(m[..5], [7, 4, 3, 2, 1]);
        let mut r = Reader::new(&m);
        assert_eq!((r.u8(), r.u32(), r.u64(), r.boolean(), r.text()), (7, 0x01020304, u64::MAX - 1, true, "täxt"));
        assert_eq!(r.list(8, |r| (r.text(), r.text())), [("a", "b")]);
        assert!(r.end());
    }

    #[test]
    fn a_message_cut_anywhere_is_refused() {
        let m = Writer::new().u64(1).bytes("text").boolean(false).out;
        for n in 0..m.len() {
            let mut r = Reader::new(&m[..n]);
            r.u64();
            r.bytes();
            r.boolean();
            assert!(!r.end(), "{n} bytes of {}", m.len());
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for (what, m) in [
            ("bool 2", &[2u8][..]),
            ("bytes behind the end", &[1, 0]),
            ("no UTF-8", &[0, 0xff]),
        ] {
            let mut r = Reader::new(m);
            if what == "no UTF-8" {
                let text = Writer::new().bytes(&m[1..]).out;
                let mut r = Reader::new(&text);
                assert_eq!(r.text(), "");
                assert!(!r.end(), "{what}");
                continue;
            }
            r.boolean();
            assert!(!r.end(), "{what}");
        }
        let mut r = Reader::new(&[0xff, 0xff, 0xff, 0xff, 1]);
        assert!(r.list(1, |r| r.u8()).is_empty() && !r.end());
    }
}
