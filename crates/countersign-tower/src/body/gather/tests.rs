//! Memory: never more than the limit, whatever the frames.

use proptest::{collection::vec, prelude::*};

use super::*;

#[test]
fn the_buffer_never_grows_past_the_limit() {
    let limit = 1000;
    let mut so_far = SoFar::One(Bytes::new());
    for _ in 0..limit {
        so_far.push(Bytes::from_static(b"x"), limit).unwrap();
        if let SoFar::Many(buffer) = &so_far {
            assert!(buffer.capacity() <= limit);
        }
    }

    let refusal = so_far.push(Bytes::from_static(b"x"), limit);

    assert_eq!(refusal, Err(Refusal::BodyTooLarge));
    assert_eq!(so_far.into_bytes().len(), limit);
}

#[test]
fn the_second_frame_lets_the_first_ones_buffer_go() {
    let mut so_far = SoFar::One(Bytes::new());
    let read_buffer = Bytes::from(vec![b'x'; 8192]);
    so_far.push(read_buffer.slice(..5), 100).unwrap();
    assert!(!read_buffer.is_unique());

    so_far.push(Bytes::from_static(b"y"), 100).unwrap();

    assert!(read_buffer.is_unique());
    assert_eq!(so_far.into_bytes(), "xxxxxy");
}

#[test]
fn data_in_pieces_is_copied_whole() {
    let mut so_far = SoFar::One(Bytes::new());
    so_far.push(Bytes::from_static(b"a"), 100).unwrap();

    so_far
        .push(Bytes::from_static(b"bc").chain(&b"de"[..]), 100)
        .unwrap();

    assert_eq!(so_far.into_bytes(), "abcde");
}

#[test]
fn a_time_out_is_found_among_the_causes() {
    #[derive(Debug)]
    struct Outer(io::Error);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the body was not read")
        }
    }
    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    let slow = Outer(io::ErrorKind::TimedOut.into());
    let reset = Outer(io::ErrorKind::ConnectionReset.into());

    assert_eq!(failed(&slow), Refusal::BodyTimedOut);
    assert_eq!(failed(&reset), Refusal::BodyFailed);
}

proptest! {
    #[test]
    fn however_it_is_cut_a_body_is_whole_or_over_the_limit(
        frames in vec(vec(any::<u8>(), 0..40), 0..20),
        limit in 0..400_usize,
    ) {
        let whole = frames.concat();
        let mut so_far = SoFar::One(Bytes::new());

        let outcome = frames
            .into_iter()
            .try_for_each(|frame| so_far.push(Bytes::from(frame), limit));

        if whole.len() > limit {
            prop_assert_eq!(outcome, Err(Refusal::BodyTooLarge));
        } else {
            prop_assert_eq!(so_far.into_bytes(), whole);
        }
    }
}
