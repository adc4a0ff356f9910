-- Nothing, as often as there are numbers.
-- answer: value: [0]
return { #string.rep("", math.maxinteger) }
