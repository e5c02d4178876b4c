//! Reading bytes as a script. At its end an input goes on as zeros, so that every prefix is one too.

/// What is left of an input.
pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub(super) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((byte, rest)) => {
                self.0 = rest;
                *byte
            }
            None => 0,
        }
    }

    /// Yes or no.
    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 != 0
    }

    /// The next two bytes.
    pub(super) fn short(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// The next eight bytes.
    pub(super) fn long(&mut self) -> i64 {
        i64::from_be_bytes([(); 8].map(|()| self.byte()))
    }

    /// One of `choices`.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    /// As many bytes as the next one says.
    pub(super) fn few(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (few, rest) = self.0.split_at(length);
        self.0 = rest;
        few
    }

    /// Everything that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}

/// `text` after one change of the input's choice.
pub(super) fn mutate(text: &str, input: &mut Input<'_>) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let at = usize::from(input.short()) % (bytes.len() + 1);
    match input.byte() % 6 {
        0 => {
            // One bit, if what comes of it is still text.
            let bit = 1 << (input.byte() % 7);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= bit;
            }
        }
        1 => bytes.truncate(at),
        2 => drop(bytes.drain(..at)),
        3 => drop(bytes.splice(at..at, input.few().iter().map(|byte| byte & 0x7f))),
        4 => {
            let length = usize::from(input.byte()).min(bytes.len() - at);
            let new = input.few().iter().map(|byte| byte & 0x7f);
            drop(bytes.splice(at..at + length, new));
        }
        _ => {
            let other = usize::from(input.short()) % (bytes.len() + 1);
            if at < bytes.len() && other < bytes.len() {
                bytes.swap(at, other);
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}
