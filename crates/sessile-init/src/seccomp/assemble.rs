//! Writing a filter as classic BPF, at compile time.
//!
//! The kernel runs a filter once for each call number when it is put on, and remembers the numbers whose answer needs no arguments:
//! what is plainly allowed costs nothing afterwards. Long lists are cut into groups so that this first run is short too.
#![allow(clippy::indexing_slicing)] // in constants: an index that is out of bounds does not compile

use super::calls::ARCHITECTURE;

/// The most instructions that a filter here may have; the kernel takes 4,096.
const ROOM: usize = 512;

/// Calls in one group.
const GROUP: usize = 8;

/// One instruction, as `struct sock_filter`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Instruction {
    pub(super) code: u16,
    pub(super) jump_true: u8,
    pub(super) jump_false: u8,
    pub(super) value: u32,
}

/// Load a word of `struct seccomp_data`; keep some of its bits; return a constant; compare.
pub(super) const LOAD: u16 = 0x20;
pub(super) const AND: u16 = 0x54;
pub(super) const RETURN: u16 = 0x06;
pub(super) const JUMP_IF_EQUAL: u16 = 0x15;
pub(super) const JUMP_IF_GREATER: u16 = 0x25;
pub(super) const JUMP_IF_ANY_BIT: u16 = 0x45;

/// Where `struct seccomp_data` holds the call's number and architecture, and where its arguments begin.
const NUMBER: u32 = 0;
const ARCHITECTURE_AT: u32 = 4;
const ARGUMENTS: u32 = 16;

/// The number of a call as filters see it.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // call numbers are small
pub(super) const fn number(call: libc::c_long) -> u32 {
    call as u32
}

/// What becomes of a call.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    /// It is made.
    Allow,
    /// It is not made, and fails with this error; 0 pretends that it was made.
    Fail(i32),
    /// The whole process is killed.
    Kill,
}

impl Answer {
    pub(super) const fn value(self) -> u32 {
        match self {
            Self::Allow => 0x7fff_0000,
            Self::Fail(errno) => 0x0005_0000 | errno.cast_unsigned() & 0xffff,
            Self::Kill => 0x8000_0000,
        }
    }
}

/// A filter being written, or whole.
pub(super) struct Assembly {
    code: [Instruction; ROOM],
    length: usize,
}

impl Assembly {
    /// Begins with killing whoever calls as another architecture. After it, and after each other step but those on
    /// arguments, the call's number is at hand.
    pub(super) const fn new() -> Self {
        let nothing = Instruction { code: RETURN, jump_true: 0, jump_false: 0, value: 0 };
        Self { code: [nothing; ROOM], length: 0 }
            .add(LOAD, 0, 0, ARCHITECTURE_AT)
            .add(JUMP_IF_EQUAL, 1, 0, ARCHITECTURE)
            .answer(Answer::Kill)
            .add(LOAD, 0, 0, NUMBER)
    }

    const fn add(mut self, code: u16, jump_true: u8, jump_false: u8, value: u32) -> Self {
        self.code[self.length] = Instruction { code, jump_true, jump_false, value };
        self.length += 1;
        self
    }

    /// Answers whatever comes here.
    pub(super) const fn answer(self, answer: Answer) -> Self {
        self.add(RETURN, 0, 0, answer.value())
    }

    /// Answers numbers above `last`.
    pub(super) const fn above(self, last: u32, answer: Answer) -> Self {
        self.add(JUMP_IF_GREATER, 0, 1, last).answer(answer)
    }

    /// Answers numbers from `first` to `last`.
    pub(super) const fn between(self, first: u32, last: u32, answer: Answer) -> Self {
        self.add(JUMP_IF_GREATER, 2, 0, last).add(JUMP_IF_GREATER, 0, 1, first - 1).answer(answer)
    }

    /// Answers each of `calls`, in ascending order, alike.
    pub(super) const fn each<const N: usize>(mut self, calls: [u32; N], answer: Answer) -> Self {
        let mut from = 0;
        while from < N {
            let to = if from + GROUP < N { from + GROUP } else { N };
            // A larger number than the group's last skips the group, its answer included.
            self = self.add(JUMP_IF_GREATER, (to - from + 1) as u8, 0, calls[to - 1]);
            let mut at = from;
            while at < to {
                // To the answer behind the group; the last one's miss skips the answer.
                let hit = (to - at - 1) as u8;
                self = self.add(JUMP_IF_EQUAL, hit, if at + 1 == to { 1 } else { 0 }, calls[at]);
                at += 1;
            }
            self = self.answer(answer);
            from = to;
        }
        self
    }

    /// Answers one call as `part` says, which has to answer in every case.
    pub(super) const fn one(mut self, call: u32, part: &Arguments) -> Self {
        self = self.add(JUMP_IF_EQUAL, 0, part.length as u8, call);
        let mut at = 0;
        while at < part.length {
            let it = part.code[at];
            self = self.add(it.code, it.jump_true, it.jump_false, it.value);
            at += 1;
        }
        self
    }

    /// The filter.
    pub(super) const fn instructions(&'static self) -> &'static [Instruction] {
        self.code.split_at(self.length).0
    }
}

/// The part of a filter that looks at one call's arguments.
pub(super) struct Arguments {
    code: [Instruction; 64],
    length: usize,
}

impl Arguments {
    pub(super) const fn new() -> Self {
        Self { code: [Instruction { code: RETURN, jump_true: 0, jump_false: 0, value: 0 }; 64], length: 0 }
    }

    const fn add(mut self, code: u16, jump_true: u8, jump_false: u8, value: u32) -> Self {
        self.code[self.length] = Instruction { code, jump_true, jump_false, value };
        self.length += 1;
        self
    }

    /// Looks at the lower half of argument `index`, which is all that the kernel looks at where it takes an `int`.
    pub(super) const fn look_at(self, index: u32) -> Self {
        self.add(LOAD, 0, 0, ARGUMENTS + 8 * index)
    }

    /// Looks at the upper half.
    pub(super) const fn look_at_upper(self, index: u32) -> Self {
        self.add(LOAD, 0, 0, ARGUMENTS + 8 * index + 4)
    }

    /// Answers if what it looks at is `value`.
    pub(super) const fn if_is(self, value: u32, answer: Answer) -> Self {
        self.add(JUMP_IF_EQUAL, 0, 1, value).add(RETURN, 0, 0, answer.value())
    }

    /// Answers if what it looks at is not `value`.
    pub(super) const fn if_is_not(self, value: u32, answer: Answer) -> Self {
        self.add(JUMP_IF_EQUAL, 1, 0, value).add(RETURN, 0, 0, answer.value())
    }

    /// Answers if what it looks at has any of `bits`.
    pub(super) const fn if_has(self, bits: u32, answer: Answer) -> Self {
        self.add(JUMP_IF_ANY_BIT, 0, 1, bits).add(RETURN, 0, 0, answer.value())
    }

    /// Answers what is left.
    pub(super) const fn otherwise(self, answer: Answer) -> Self {
        self.add(RETURN, 0, 0, answer.value())
    }

    /// Looks at argument `index` after these of its `bits` only.
    pub(super) const fn look_at_bits(self, index: u32, bits: u32) -> Self {
        self.look_at(index).add(AND, 0, 0, bits)
    }

    /// Goes on with `part` if what it looks at is one of `values`, else past it.
    pub(super) const fn among<const N: usize>(mut self, values: [u32; N], part: &Self) -> Self {
        let mut at = 0;
        while at < N {
            let miss = if at + 1 == N { part.length as u8 } else { 0 };
            self = self.add(JUMP_IF_EQUAL, (N - at - 1) as u8, miss, values[at]);
            at += 1;
        }
        at = 0;
        while at < part.length {
            let it = part.code[at];
            self = self.add(it.code, it.jump_true, it.jump_false, it.value);
            at += 1;
        }
        self
    }
}
