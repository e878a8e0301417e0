//! Random bytes, from the system.

/// Fresh random bytes, fit for secrets.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_new_each_time() {
        assert_ne!(bytes::<16>().unwrap(), bytes::<16>().unwrap());
    }
}
