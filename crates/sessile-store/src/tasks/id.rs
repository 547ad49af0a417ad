//! Ids of tasks.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Random bytes in an id: 168 bits, over the 128 that make it unguessable, and a whole number of digits.
const ID_BYTES: usize = 21;

/// A fresh, unguessable task id: 28 characters of `A-Z a-z 0-9 - _`. SEP-2663 has it as the one thing that opens a task
/// where callers cannot be told apart.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn new_task_id() -> Result<String, getrandom::Error> {
    let mut bytes = [0; ID_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
