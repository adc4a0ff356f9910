-- A line of the log of many megabytes.
-- answer: value: ["said"]
mill.log("debug", ("x"):rep(16 * 1024 * 1024))
return { "said" }
