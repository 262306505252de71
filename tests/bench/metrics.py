"""What the benchmarks report: metrics with their units, ratios with their titles."""

UNITS = {
    "ns_op": "ns",
    "cpu_ns_op": "ns",
    "full_ms": "ms",
    "full_cpu_ms": "ms",
    "build_s": "s",
    "mean_ns": "ns",
    "p50_ns": "ns",
    "p99_ns": "ns",
    "p999_ns": "ns",
    "p9999_ns": "ns",
    "max_us": "us",
    "watcher_max_us": "us",
    "watcher_over_100us": "1",
    "watcher_over_1ms": "1",
    "collector_max_us": "us",
    "collector_p999_us": "us",
    "collector_cpu_p999_us": "us",
    "collector_cpu_max_us": "us",
    "collections": "1",
    "allocations": "1",
    "run_s": "s",
    "run_cpu_s": "s",
    "wall_s": "s",
    "cpu_s": "s",
    "peak_rss_mb": "MiB",
    "interval_ms": "ms",
    "peak_heap_mb": "MiB",
    "gc_share_pct": "%",
    "objects": "1",
    "fresh_collections_pct": "%",
    "ns_ephemeron": "ns",
    "clear_ms": "ms",
    "growth": "1",
    "gc_share_max_pct": "%",
    "start_ns_op": "ns",
    "throughput_pct": "%",
    "throughput_end_pct": "%",
    "overshoot_pct": "%",
    "limiter_s": "s",
    "gave_up": "1",
    "handler_s": "s",
    "rss_spike_mb": "MiB",
    "rss_0s_mb": "MiB",
    "rss_1s_mb": "MiB",
    "rss_2s_mb": "MiB",
    "rss_5s_mb": "MiB",
    "rss_10s_mb": "MiB",
    "rss_released_mb": "MiB",
    "rss_mb": "MiB",
    "goal_mb": "MiB",
    "rss_goal": "1",
    "rss_live": "1",
    "scaling": "1",
    "factor": "1",
    "gib_s": "GiB/s",
    "touch_gib_s": "GiB/s",
    "fill_gib_s": "GiB/s",
    "load_ns": "ns",
    "limit_ratio": "this/limit",
    "ratio": "trillium/this",
    "cpu_ratio": "trillium/this",
    "p9999_ratio": "trillium/this",
    "max_ratio": "trillium/this",
    "cycles_ratio": "trillium/this",
    "share_ratio": "trillium/this",
    "memory_ratio": "trillium/this",
}

# Settings of the peers and of Trillium that a user's environment may carry.


# Ratios of Trillium's figure by another's: the title of the summary's table.
RATIO_TITLES = {
    "ratio": "Time",
    "cpu_ratio": "Processor time",
    "p9999_ratio": "What one operation in 10 000 exceeds",
    "max_ratio": "The longest stall",
    "cycles_ratio": "Cycles",
    "share_ratio": "Collecting's share of processor time",
    "memory_ratio": "Memory",
}


def figure(value):
    """Three digits that count."""
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"
