-- Two calls at each level: the tree has 2 to the 200th leaves.
-- answer: too long
local function tree()
  pcall(tree)
  pcall(tree)
end
tree()
