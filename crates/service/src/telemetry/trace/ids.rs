//! Which trace and which first span a refresh has, and whether it is traced. Every node comes to the same
//! without asking.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use simgauge_domain::id::RefreshId;

/// The first span of a refresh's trace.
pub(super) fn root_of(refresh: &RefreshId) -> SpanContext {
    let time = u128::from(refresh.made_at().0.max(0).unsigned_abs());
    let distinct = refresh.distinct();
    // The lower half differs from refresh to refresh; zero, which no span may have, is one in 2^64.
    let span = low_half(distinct).max(1);
    context(TraceId::from((time << 80) | distinct), SpanId::from(span))
}

pub(super) fn context(trace: TraceId, span: SpanId) -> SpanContext {
    SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::NONE)
}

/// Whether a refresh is in a share of all; the same on every node.
pub(super) fn is_in(refresh: &RefreshId, share: f64) -> bool {
    // Ids of one process count up: the multiplication (by 2^64 / golden ratio) spreads neighbours evenly.
    let low = low_half(refresh.distinct());
    let spread = low.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11;
    #[allow(clippy::cast_precision_loss)] // 53 bits.
    let position = spread as f64 / (1_u64 << 53) as f64;
    position < share
}

#[allow(clippy::cast_possible_truncation)] // The lower half is what is wanted.
const fn low_half(distinct: u128) -> u64 {
    distinct as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use simgauge_domain::time::UnixMs;

    #[test]
    fn a_trace_has_the_bits_of_its_refresh() {
        let refresh = RefreshId::new(UnixMs(0x0123_4567_89ab), 0xcdef_0011_2233_4455_6677);
        let root = root_of(&refresh);
        assert_eq!(root.trace_id().to_string(), "0123456789abcdef0011223344556677");
        assert_eq!(root.span_id().to_string(), "0011223344556677");
        assert!(root.is_valid() && root.is_sampled());
    }

    #[test]
    fn a_share_is_a_share_also_of_ids_that_count_up() {
        let start = 0x1234_5678_9abc_0000_u128;
        let ids: Vec<RefreshId> = (0..10_000).map(|n| RefreshId::new(UnixMs(1), start + n)).collect();
        let count = |share| ids.iter().filter(|id| is_in(id, share)).count();
        assert_eq!((count(0.0), count(1.0)), (0, 10_000));
        assert!((950..1050).contains(&count(0.1)), "{}", count(0.1));
    }
}
