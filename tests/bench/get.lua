-- tests/bench/get.lua: wrk's requests that read one record, with the session in COOKIE.

dofile "tests/bench/figures.lua"

wrk.headers["Cookie"] = os.getenv "COOKIE"
