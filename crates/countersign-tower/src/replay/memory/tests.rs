//! The set by itself.

use super::*;

const KEEP: Duration = Duration::from_secs(600);

fn key(number: u8) -> ReplayKey {
    ReplayKey::from_bytes([number; 16])
}

fn at(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(second)
}

fn reserve(guard: &MemoryReplayGuard, number: u8, second: u64) -> Reserve<MemoryReservation> {
    guard.reserve(key(number), KEEP, at(second)).into_inner()
}

fn accept(guard: &MemoryReplayGuard, number: u8, second: u64) {
    match reserve(guard, number, second) {
        Reserve::Held(held) => held.commit(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_held_is_in_flight_and_what_is_committed_a_repeat() {
    let guard = MemoryReplayGuard::default();

    let Reserve::Held(held) = reserve(&guard, 1, 0) else {
        panic!("nobody else has it");
    };
    assert!(matches!(reserve(&guard, 1, 0), Reserve::InFlight));
    held.commit();
    assert!(matches!(reserve(&guard, 1, 0), Reserve::Repeated));
}

#[test]
fn what_is_dropped_is_free_again() {
    let guard = MemoryReplayGuard::default();

    drop(reserve(&guard, 1, 0));

    assert!(guard.is_empty());
    assert!(matches!(reserve(&guard, 1, 0), Reserve::Held(_)));
}

#[test]
fn a_repeat_is_known_at_the_edge_and_not_past_it() {
    let guard = MemoryReplayGuard::default();
    accept(&guard, 1, 0);

    assert!(matches!(reserve(&guard, 1, 600), Reserve::Repeated));
    assert!(matches!(reserve(&guard, 1, 601), Reserve::Held(_)));
}

#[test]
fn a_clock_set_back_forgets_nothing() {
    let guard = MemoryReplayGuard::default();
    accept(&guard, 1, 1000);

    assert!(matches!(reserve(&guard, 1, 0), Reserve::Repeated));
}

#[test]
fn the_oldest_goes_when_there_is_no_room() {
    let guard = MemoryReplayGuard::new(2);
    for number in 1..=3 {
        accept(&guard, number, 0);
    }

    assert_eq!(guard.len(), 2);
    assert!(matches!(reserve(&guard, 2, 0), Reserve::Repeated));
    assert!(matches!(reserve(&guard, 3, 0), Reserve::Repeated));
    assert!(matches!(reserve(&guard, 1, 0), Reserve::Held(_)));
}

#[test]
fn what_is_over_makes_room_first() {
    let guard = MemoryReplayGuard::new(8);
    for number in 1..=3 {
        accept(&guard, number, 0);
    }

    accept(&guard, 4, 601);

    assert_eq!(guard.len(), 1);
}

#[test]
fn a_reservation_that_lost_its_place_frees_nobody_elses() {
    let guard = MemoryReplayGuard::new(1);
    let pushed_out = reserve(&guard, 1, 0);
    accept(&guard, 2, 0);
    accept(&guard, 1, 0);

    drop(pushed_out);

    assert!(matches!(reserve(&guard, 1, 0), Reserve::Repeated));
}

#[test]
fn both_sides_of_the_set_stay_the_same_size() {
    let guard = MemoryReplayGuard::new(4);
    for round in 0..1000 {
        let number = u8::try_from(round * 7 % 11).unwrap();
        match reserve(&guard, number, round) {
            Reserve::Held(held) if round % 3 == 0 => held.commit(),
            _ => {}
        }
        let seen = guard.lock();
        assert_eq!(seen.by_age.len(), seen.by_key.len());
        assert!(seen.by_key.len() <= 4);
    }
}

#[test]
fn what_is_in_flight_stays_so_however_long_it_takes() {
    let guard = MemoryReplayGuard::new(8);
    let held = reserve(&guard, 1, 0);

    assert!(matches!(reserve(&guard, 1, 1_000_000), Reserve::InFlight));
    drop(held);
    assert!(matches!(reserve(&guard, 1, 1_000_000), Reserve::Held(_)));
}
