use ferrobeam_core::prelude::*;

fn read(claims: &mut Claims<'_, OffsetRange, u64>) {
    let first = claims.claim(1);
    let second = claims.claim(2);
    if let (Some(mut first), Some(mut second)) = (first, second) {
        first.emit(1);
        second.emit(2);
    }
}

fn main() {}
