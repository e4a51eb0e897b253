def measure(programs, table):
    raise SystemExit
