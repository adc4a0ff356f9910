-- plugins/console/pages.lua: the files of the console. They are open: what they show comes by the
-- HTTP API, with the rights of whoever has signed in.

mill.page "/" { file = "static/index.html" }
mill.page "/console.css" { file = "static/console.css" }
mill.page "/console.js" { file = "static/console.js" }
mill.page "/console-api.js" { file = "static/console-api.js" }
mill.page "/console-dom.js" { file = "static/console-dom.js" }
mill.page "/console-generations.js" { file = "static/console-generations.js" }
mill.page "/console-texts.js" { file = "static/console-texts.js" }
mill.page "/console.svg" { file = "static/console.svg" }
