//! Splits chunks into lines, with a limit on their length.

/// Splits a stream of bytes into lines without ever holding more than one line's limit plus one chunk.
#[derive(Debug)]
pub(crate) struct LineBuffer {
    bytes: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// Up to where no line end was found.
    scanned: usize,
    max: usize,
}

/// A line is longer than the limit; nothing after it can be trusted to begin at a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl LineBuffer {
    /// Makes a buffer for lines of at most `max` bytes.
    pub(crate) fn new(max: usize) -> Self {
        Self { bytes: Vec::new(), start: 0, scanned: 0, max }
    }

    /// Appends a chunk.
    pub(crate) fn push_chunk(&mut self, chunk: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        self.bytes.extend_from_slice(chunk);
    }

    /// Returns the next whole line without its end, if there is one.
    pub(crate) fn next_line(&mut self) -> Result<Option<&[u8]>, TooLong> {
        let Some(end) = self.bytes[self.scanned..].iter().position(|b| *b == b'\n') else {
            self.scanned = self.bytes.len();
            return if self.scanned - self.start > self.max { Err(TooLong) } else { Ok(None) };
        };
        let (from, to) = (self.start, self.scanned + end);
        self.start = to + 1;
        self.scanned = self.start;
        if to - from > self.max { Err(TooLong) } else { Ok(Some(&self.bytes[from..to])) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_they_were_cut() {
        let text = b"one\n\ntwo and more\nrest";
        for size in 1..text.len() {
            let mut buffer = LineBuffer::new(100);
            let mut lines = Vec::new();
            for chunk in text.chunks(size) {
                buffer.push_chunk(chunk);
                while let Some(line) = buffer.next_line().unwrap() {
                    lines.push(String::from_utf8(line.to_vec()).unwrap());
                }
            }
            assert_eq!(lines, ["one", "", "two and more"], "chunks of {size}");
        }
    }

    #[test]
    fn a_line_over_the_limit_is_refused_before_it_ends() {
        let mut buffer = LineBuffer::new(4);
        buffer.push_chunk(b"12345");
        assert_eq!(buffer.next_line(), Err(TooLong));
        let mut buffer = LineBuffer::new(4);
        buffer.push_chunk(b"1234\n12345\n");
        assert_eq!(buffer.next_line(), Ok(Some(&b"1234"[..])));
        assert_eq!(buffer.next_line(), Err(TooLong));
    }
}
