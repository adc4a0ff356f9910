// plugins/console/static/console-texts.js: every text of the console in both languages, and numbers, times and amounts as people
// write them.

const texts = {
  'app.tagline': ['Customers stay. Branches, partners and people come and go with the tide.', '客户常在，机构、伙伴与人员如潮汐来去。'],
  'app.skip': ['Skip to the content', '跳到正文'],
  'app.sections': ['Sections', '栏目'],
  'app.language': ['Language', '语言'],
  'app.loading': ['Loading …', '正在加载……'],
  'app.more': ['Show more', '显示更多'],
  'app.again': ['Try again', '重试'],
  'app.all_shown': ['All shown', '已全部显示'],
  'app.nothing': ['not given', '未填写'],
  'app.hidden': ['not shown to you', '对您不可见'],

  'session.login': ['Login', '登录名'],
  'session.password': ['Password', '密码'],
  'session.enter': ['Log in', '登录'],
  'session.leave': ['Log out', '退出'],
  'session.ended': ['Your session has ended. Log in again.', '会话已结束，请重新登录。'],

  'password.title': ['Your password', '设置密码'],
  'password.why': [
    'You have signed in by a link, which works once. Choose a password; your login is {login}.',
    '您通过一次性链接登录，链接不能再次使用。请设置密码；您的登录名是 {login}。',
  ],
  'password.new': ['New password', '新密码'],
  'password.hint': ['at least 8 characters', '至少 8 个字符'],
  'password.save': ['Save the password', '保存密码'],

  'leads.title': ['Leads', '线索'],
  'leads.new': ['New lead', '新建线索'],
  'leads.none': ['No leads yet', '暂无线索'],
  'leads.none_hint': ['A lead that comes in, and is yours to see, appears here.', '进入系统且您可见的线索会显示在这里。'],
  'leads.elsewhere': [
    'The lead was entered. The routing gave it to somebody outside of what you may see.',
    '线索已录入，已分派给您可见范围之外的人员。',
  ],

  'lead.back': ['All leads', '全部线索'],
  'lead.about': ['About the lead', '线索信息'],
  'lead.name': ['Name', '名称'],
  'lead.company': ['Company', '公司'],
  'lead.phone': ['Phone', '电话'],
  'lead.email': ['E-mail', '电子邮箱'],
  'lead.source': ['Source', '来源'],
  'lead.region': ['Region', '区域'],
  'lead.product': ['Product', '产品'],
  'lead.score': ['Score', '评分'],
  'lead.score_hint': ['0 to 100', '0 到 100'],
  'lead.stage': ['Stage', '阶段'],
  'lead.owner': ['With', '归属'],
  'lead.accept_by': ['Accept by', '接受期限'],
  'lead.created': ['Entered', '录入时间'],
  'lead.mine': ['Offer it to me, whatever the routing says', '不经分配，直接分派给我'],
  'lead.save': ['Enter the lead', '录入线索'],
  'lead.cancel': ['Cancel', '取消'],
  'lead.accept': ['Accept', '接受'],
  'lead.accepted': ['The lead is yours now.', '线索已归您所有。'],
  'lead.no_product': ['no product yet', '尚无产品'],

  'routing.title': ['Where it went, and why', '分派去向与原因'],
  'routing.pool': ['It lies in the pool and belongs to nobody.', '线索在公海中，不归任何人。'],
  'routing.until': ['to be accepted by {time}', '须在 {time} 前接受'],
  'routing.row': ['row {row} matched', '匹配第 {row} 行'],
  'routing.no_row': ['by no row', '无匹配行'],
  'routing.fact': ['Fact', '条件'],
  'routing.here': ['This lead', '本线索'],
  'routing.asked': ['The row asks for', '该行要求'],
  'routing.outcome': ['Therefore', '结果'],
  'routing.none': ['No decision was needed: whoever entered the lead named its owner.', '无需判定：录入时已指定归属岗位。'],
  'routing.not_yet': ['Not routed yet.', '尚未分派。'],
  'routing.closed': ['The reason is shown to the vendor’s own people.', '原因仅供厂商人员查看。'],
  'routing.empty': ['empty', '空'],
  'routing.at': ['{time}, version {version}', '{time}，版本 {version}'],
  'fact.score': ['Score', '评分'],
  'fact.region': ['Region', '区域'],
  'fact.mode': ['Delivery mode', '交付模式'],
  'outcome.channel': ['Channel', '渠道'],
  'outcome.selector': ['Offered to', '分派给'],
  'outcome.accept_within': ['Time to accept', '接受时限'],

  'test.any': ['anything', '任意'],
  'test.ge': ['{a} or more', '不低于 {a}'],
  'test.gt': ['more than {a}', '高于 {a}'],
  'test.le': ['at most {a}', '不高于 {a}'],
  'test.lt': ['less than {a}', '低于 {a}'],
  'test.range_in': ['{a} to {b}', '{a} 到 {b}'],
  'test.range_under': ['{a} to under {b}', '{a} 到 {b}（不含）'],
  'test.range_over': ['over {a} to {b}', '{a}（不含）到 {b}'],
  'test.range_between': ['over {a} to under {b}', '{a}（不含）到 {b}（不含）'],
  'test.or': [' or ', ' 或 '],
  'test.not': ['anything but {a}', '除 {a} 以外'],

  'value.professional': ['professional service', '专业服务交付'],
  'value.general': ['general service', '一般服务交付'],
  'value.process': ['process service', '流程服务交付'],
  'value.direct': ['direct', '直销'],
  'value.partner': ['partner', '合作伙伴'],
  'value.pool': ['pool', '公海'],

  'stage.new': ['New', '新建'],
  'stage.offered': ['Offered', '待接受'],
  'stage.accepted': ['Accepted', '已接受'],
  'stage.pooled': ['In the pool', '公海'],
  'stage.converted': ['Converted', '已转化'],
  'stage.dropped': ['Dropped', '已放弃'],
  'stage.prospecting': ['Prospecting', '潜在'],
  'stage.engaging': ['Engaging', '接洽中'],
  'stage.won': ['Won', '赢单'],
  'stage.lost': ['Lost', '丢单'],

  'customers.title': ['Customers', '客户'],
  'customers.none': ['No customers yet', '暂无客户'],
  'customers.none_hint': ['Customers that are imported or entered appear here.', '导入或录入的客户会显示在这里。'],
  'customer.name': ['Name', '名称'],
  'customer.sector': ['Sector', '行业'],
  'customer.country': ['Country', '国家'],
  'customer.founded': ['Founded', '成立年份'],
  'customer.employees': ['Employees', '员工人数'],
  'customer.revenue': ['Yearly revenue', '年营业额'],

  'pipeline.title': ['Pipeline', '销售管道'],
  'pipeline.by_region': ['by stage and region', '按阶段与区域'],
  'pipeline.by_unit': ['by stage and unit', '按阶段与单元'],
  'pipeline.none': ['No opportunities yet', '暂无商机'],
  'pipeline.none_hint': ['The board fills as opportunities are entered.', '录入商机后看板将显示内容。'],
  'pipeline.empty': ['nothing in this stage', '该阶段没有商机'],
  'pipeline.no_unit': ['no region', '无区域'],
  'pipeline.count': ['{count} opportunities', '{count} 个商机'],

  'generations.title': ['Generations', '代次'],
  'generations.what': [
    'A generation is everything that decides here: framework, plugins and client packs. After a restart, the files are built.',
    '一代包含这里的全部规则：框架、插件和企业包。重启之后总是从文件构建。',
  ],
  'generations.hash': ['Generation', '代'],
  'generations.at': ['When', '时间'],
  'generations.cause': ['Why', '起因'],
  'generations.result': ['Outcome', '结果'],
  'generations.now': ['serves now', '当前生效'],
  'attempt.build': ['built', '构建'],
  'attempt.return': ['returned to', '返回'],
  'attempt.cause_start': ['start', '启动'],
  'attempt.cause_watch': ['a saved file', '保存文件'],
  'attempt.cause_request': ['asked for by', '请求人'],
  'attempt.cause_command': ['command line', '命令行'],
  'attempt.served': ['took over', '已生效'],
  'attempt.unchanged': ['nothing new', '无变化'],
  'attempt.refused': ['refused', '被拒绝'],
  'generations.build_now': ['Build from the files', '从文件构建'],
  'generations.back': ['Return to this one', '返回这一代'],
  'generations.working': ['Building and switching …', '正在构建并切换……'],
  'attempt.served_note': ['Every thread serves with it now.', '所有线程都已切换到这一代。'],
  'attempt.unchanged_note': ['The files are what serves already.', '文件与当前一代相同。'],
  'generations.safe': [
    'This server was started with --safe: what is built leaves the client packs out. Return to a generation that served with them, or mend the pack and restart.',
    '服务器以 --safe 启动：构建时不包含企业包。可以返回带企业包的一代，或改好企业包后重启。',
  ],

  'error.network': ['The server does not answer. Check the connection and try again.', '服务器无应答，请检查网络后重试。'],
  'error.status': ['The server answered with status {status}.', '服务器返回状态 {status}。'],
  'error.not_found': ['There is nothing here, or it is not yours to see.', '没有内容，或您无权查看。'],
};

const STORED = 'tidemill.language';
const LANGUAGES = ['en', 'zh'];

function stored() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null; // storage is switched off: the choice lasts as long as the page
  }
}

let current = LANGUAGES.includes(stored()) ? stored() : navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';

export const language = () => current;

export function speak(chosen) {
  current = chosen;
  try {
    localStorage.setItem(STORED, chosen);
  } catch {
    // see stored()
  }
}

export function text(key, values = {}) {
  const both = texts[key];
  if (!both) return key;
  return both[LANGUAGES.indexOf(current)].replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

// The text of a key, or the fallback where there is none: words of a client's own stay as they are.
export const text_or = (key, fallback) => (texts[key] ? text(key) : fallback);

const locale = () => (current === 'zh' ? 'zh-CN' : 'en-GB');

export const number = (value) => new Intl.NumberFormat(locale()).format(value);

// Amounts are exact texts; only their look is made here.
export function amount(money, compact = false) {
  const style = { style: 'currency', currency: money.currency, currencyDisplay: 'narrowSymbol' };
  const look = compact ? { notation: 'compact', maximumFractionDigits: 2 } : { trailingZeroDisplay: 'stripIfInteger' };
  return new Intl.NumberFormat(locale(), { ...style, ...look }).format(money.amount);
}

export const time = (instant) =>
  new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(instant));

// A duration such as "4h" or "30m".
export function duration(value) {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(value) ?? [];
  if (!count) return value;
  const units = { s: 'second', m: 'minute', h: 'hour', d: 'day' };
  return new Intl.NumberFormat(locale(), { style: 'unit', unit: units[unit], unitDisplay: 'long' }).format(Number(count));
}

// A cell of a decision table, read by the grammar of unary tests: "-", comparisons, ranges, values, lists of these, not(…).

const TOKEN = /\s*(?:("[^"]*")|(-?\d+(?:\.\d+)?)|\b(true|false|null|not)\b|(\.\.|<=|>=|[-<>[\](),]))\s*/y;
const COMPARED = { '>=': 'test.ge', '>': 'test.gt', '<=': 'test.le', '<': 'test.lt' };
const RANGES = { '[]': 'test.range_in', '[)': 'test.range_under', '(]': 'test.range_over', '()': 'test.range_between' };

function tokens_of(cell) {
  const tokens = [];
  TOKEN.lastIndex = 0;
  for (let at = 0; at < cell.length; at = TOKEN.lastIndex) {
    const found = TOKEN.exec(cell);
    if (!found) throw new SyntaxError(cell);
    tokens.push(found[1] ?? found[2] ?? found[3] ?? found[4]);
  }
  return tokens;
}

function words_of(tokens, say) {
  let at = 0;
  const take = (...wanted) => {
    if (!wanted.includes(tokens[at])) throw new SyntaxError(`${tokens[at]}`);
    return tokens[at++];
  };
  const is_next = (...wanted) => wanted.includes(tokens[at]);
  const value = () => {
    const token = tokens[at++];
    if (token === 'null') return say(null);
    if (token?.startsWith('"')) return say(token.slice(1, -1));
    if (!/^(-?\d.*|true|false)$/.test(token ?? '')) throw new SyntaxError(`${token}`);
    return say(token);
  };
  const one = () => {
    if (is_next('[', '(')) {
      const [open, a] = [take('[', '('), value()];
      take('..');
      const [b, close] = [value(), take(']', ')')];
      return text(RANGES[open + close], { a, b });
    }
    return is_next('<', '<=', '>', '>=') ? text(COMPARED[tokens[at++]], { a: value() }) : value();
  };
  const list = () => {
    const parts = [one()];
    while (is_next(',')) {
      take(',');
      parts.push(one());
    }
    return parts.join(text('test.or'));
  };
  const not = () => {
    take('not');
    take('(');
    const a = list();
    take(')');
    return text('test.not', { a });
  };

  const words = is_next('-') ? text(take('-') && 'test.any') : is_next('not') ? not() : list();
  if (at < tokens.length) throw new SyntaxError(tokens[at]);
  return words;
}

// A cell in words: ">= 80" is "80 or more". What cannot be read stays as it is written.
export function test_in_words(cell, say = (value) => value ?? text('routing.empty')) {
  try {
    return words_of(tokens_of(cell), say);
  } catch (error) {
    if (error instanceof SyntaxError) return cell;
    throw error;
  }
}
