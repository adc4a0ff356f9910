-- scripts/people/entities.lua: the entities that the framework itself needs: who there is, in which chair, of which
-- unit, with which role. What else a company keeps about them, plugins add with mill.extend.

local registry = require "entities.registry"

registry.declare("role", {
  label = { en = "Role", zh = "角色" }, plural = { en = "Roles", zh = "角色" }, display = "name", key = "code",
  fields = {
    { "code", "text", required = true, max = 60, lower = true, label = { en = "Code", zh = "代码" } },
    { "name", "text", required = true, label = { en = "Name", zh = "名称" } },
    { "assignable", "boolean", default = false, label = { en = "Takes assigned work", zh = "可接受分派" } },
  },
}, "people")

registry.declare("unit", {
  label = { en = "Unit", zh = "组织单元" }, plural = { en = "Units", zh = "组织单元" }, display = "name", key = "code",
  fields = {
    { "code", "text", required = true, max = 60, lower = true, label = { en = "Code", zh = "代码" } },
    { "name", "text", required = true, label = { en = "Name", zh = "名称" } },
    { "kind", "choice", label = { en = "Kind", zh = "类型" }, values = {
      { "headquarters", en = "Headquarters", zh = "总部" }, { "region", en = "Region", zh = "区域" },
      { "branch", en = "Branch", zh = "分支机构" }, { "partner", en = "Partner company", zh = "合作伙伴公司" } } },
    { "parent", "reference", to = "unit", label = { en = "Part of", zh = "上级" } },
  },
}, "people")

registry.declare("user", {
  label = { en = "User", zh = "用户" }, plural = { en = "Users", zh = "用户" }, display = "name", key = "login",
  fields = {
    { "login", "text", required = true, max = 100, lower = true, label = { en = "Login", zh = "登录名" } },
    { "name", "text", required = true, label = { en = "Name", zh = "姓名" } },
    { "unit", "reference", to = "unit", label = { en = "Unit", zh = "组织单元" } },
    { "password", "password", label = { en = "Password", zh = "密码" } },
  },
}, "people")

registry.declare("position", {
  label = { en = "Position", zh = "岗位" }, plural = { en = "Positions", zh = "岗位" }, display = "name", key = "code",
  fields = {
    { "code", "text", required = true, max = 100, lower = true, label = { en = "Code", zh = "代码" } },
    { "name", "text", label = { en = "Name", zh = "名称" } },
    { "unit", "reference", to = "unit", label = { en = "Unit", zh = "组织单元" } },
    { "role", "reference", to = "role", label = { en = "Role", zh = "角色" } },
    { "holder", "reference", to = "user", label = { en = "Held by", zh = "任职者" } },
    { "from", "date", label = { en = "From", zh = "开始日期" } },
    { "to", "date", label = { en = "To", zh = "结束日期" } },
  },
}, "people")

return true
