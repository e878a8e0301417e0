//! Where a reader of JSON stands, and what it steps over.

use super::{Malformed, Value, are_escapes, consumed};

/// What is left of a text.
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    /// Steps over white space.
    pub(super) fn blank(&mut self) {
        while let Some((b' ' | b'\t' | b'\n' | b'\r', rest)) = self.0.split_first() {
            self.0 = rest;
        }
    }

    /// Steps over this byte, which has to be there.
    pub(super) fn byte(&mut self, wanted: u8) -> Result<(), Malformed> {
        match self.0.split_first() {
            Some((byte, rest)) if *byte == wanted => {
                self.0 = rest;
                Ok(())
            }
            _ => Err(Malformed),
        }
    }

    /// Steps over a value, with no more than this many levels.
    pub(super) fn value(&mut self, deeper: usize) -> Result<Value<'a>, Malformed> {
        let deeper = deeper.checked_sub(1).ok_or(Malformed)?;
        let before = self.0;
        match before.first() {
            Some(b'{') => {
                self.members(b'{', b'}', |cursor| {
                    cursor.name()?;
                    cursor.value(deeper).map(|_| ())
                })?;
                Ok(Value::Nested(consumed(before, self.0)))
            }
            Some(b'[') => {
                self.members(b'[', b']', |cursor| cursor.value(deeper).map(|_| ()))?;
                Ok(Value::Nested(consumed(before, self.0)))
            }
            Some(b'"') => self.string().map(Value::Text),
            Some(b'n') => self.word(b"null").map(|_| Value::Null),
            Some(b't') => self.word(b"true").map(Value::Plain),
            Some(b'f') => self.word(b"false").map(Value::Plain),
            _ => self.number().map(Value::Plain),
        }
    }

    /// What stands between two brackets, with commas between.
    pub(super) fn members(
        &mut self,
        open: u8,
        close: u8,
        mut member: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.byte(open)?;
        self.blank();
        if self.byte(close).is_ok() {
            return Ok(());
        }
        loop {
            member(self)?;
            self.blank();
            if self.byte(close).is_ok() {
                return Ok(());
            }
            self.byte(b',')?;
            self.blank();
        }
    }

    /// A name of an object and what stands between it and its value; its escapes are still there.
    pub(super) fn name(&mut self) -> Result<&'a [u8], Malformed> {
        let name = self.string()?;
        self.blank();
        self.byte(b':')?;
        self.blank();
        Ok(name)
    }

    /// A string with its escapes, without its quotes.
    fn string(&mut self) -> Result<&'a [u8], Malformed> {
        self.byte(b'"')?;
        let before = self.0;
        let mut escaped = false;
        loop {
            let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1F);
            let plain = self.0.iter().position(is_special).ok_or(Malformed)?;
            let (_, rest) = self.0.split_at_checked(plain).ok_or(Malformed)?;
            let text = consumed(before, rest);
            let (byte, rest) = rest.split_first().ok_or(Malformed)?;
            self.0 = rest;
            match byte {
                b'"' if !escaped || are_escapes(text) => return Ok(text),
                b'\\' => {
                    escaped = true;
                    self.0 = rest.split_first().ok_or(Malformed)?.1;
                }
                _ => return Err(Malformed),
            }
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<&'a [u8], Malformed> {
        let before = self.0;
        self.0 = before.strip_prefix(word).ok_or(Malformed)?;
        Ok(consumed(before, self.0))
    }

    fn number(&mut self) -> Result<&'a [u8], Malformed> {
        let before = self.0;
        let _ = self.byte(b'-');
        match self.digits() {
            [] => return Err(Malformed),
            [b'0', _, ..] => return Err(Malformed),
            _ => {}
        }
        if self.byte(b'.').is_ok() && self.digits().is_empty() {
            return Err(Malformed);
        }
        if self.byte(b'e').is_ok() || self.byte(b'E').is_ok() {
            let _ = self.byte(b'+').or_else(|_| self.byte(b'-'));
            if self.digits().is_empty() {
                return Err(Malformed);
            }
        }
        Ok(consumed(before, self.0))
    }

    fn digits(&mut self) -> &'a [u8] {
        let before = self.0;
        while let Some((b'0'..=b'9', rest)) = self.0.split_first() {
            self.0 = rest;
        }
        consumed(before, self.0)
    }
}
