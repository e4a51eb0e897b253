"""One line of a table: how often something was measured, how it is spread, and its limit."""


def heading():
    return (f"{'':<42} {'count':>6} {'min':>8} {'p50':>8} {'p99':>8} {'max':>8} "
            f"{'at most':>8}  ms")


def row(what, found, limit):
    """(the line, whether each was seen and is within the limit).

    found: ms; nil for one that was not seen, which is over any limit.
    """
    known = sorted(each for each in found if each is not None)
    missing = len(found) - len(known)
    if not known:
        return f"{what:<42} {len(found):>6}  none was seen", False

    def share(part):
        # The smallest that so many are not above.
        return known[max(0, -int(-part * len(known) // 1) - 1)]

    is_within = missing == 0 and known[-1] <= limit
    verdict = "within" if is_within else f"OVER: {sum(each > limit for each in known)}"
    if missing:
        verdict += f", not seen: {missing}"
    return (f"{what:<42} {len(found):>6} {known[0]:>8.1f} {share(0.5):>8.1f} {share(0.99):>8.1f} "
            f"{known[-1]:>8.1f} {limit:>8}  {verdict}"), is_within
