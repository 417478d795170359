// What the service says in English, in Chinese by stable names: types of problems, invariants, checks, rules, methods.

const PROBLEMS = {
  "malformed-body": "请求内容不是有效的 JSON",
  unauthorized: "密钥无效、已撤销或缺失",
  forbidden: "此密钥无权执行该操作",
  "not-found": "没有找到",
  "unknown-concept": "没有这个概念",
  "unknown-version": "没有这个版本",
  "unknown-proposal": "没有这个提议",
  "unknown-job": "没有这个任务",
  "method-not-allowed": "不支持的请求方法",
  "request-timeout": "请求超时",
  "too-many-requests": "请求过于频繁，请稍后再试",
  "headers-too-large": "请求头过大",
  stopping: "服务正在停止，请重新发送",
  "too-many-connections": "连接数已满，请稍后再试",
  conflict: "与当前状态冲突：内容已变更，或已作出决定",
  "release-taken": "该发布名称或版本已被使用",
  "duplicate-proposal": "已有相同内容的待审提议",
  "precondition-failed": "读取之后已被他人修改",
  "body-too-large": "请求内容过大",
  "unsupported-media-type": "不支持的内容类型",
  "bad-input": "输入有误",
  "invalid-request": "参数或字段有误",
  "broken-invariant": "此修改会破坏分类体系",
  "untaggable-text": "文本为空、过长或不是文字",
  "unreadable-file": "文件无法读取",
  "precondition-required": "缺少版本标记，请重新打开后再试",
  "internal-error": "服务内部错误，详情见日志",
  "store-error": "存储错误",
  "jobs-off": "服务未启用任务",
  "behind": "此服务尚未读到最新版本，请稍后再试",
  "queue-full": "任务队列已满，请稍后再试",
  "model-mismatch": "模型与分类体系不匹配",
  "no-model": "服务没有加载模型",
  "not-ready": "服务尚未就绪",
  "store-unavailable": "存储暂时不可用",
  "migration-needed": "存储需要升级",
};

const INVARIANTS = {
  bad_id: "编号无效",
  bad_kind: "种类无效",
  bad_status: "状态无效",
  bad_choice: "单选或多选的取值无效",
  no_label: "缺少首选名称",
  bad_language: "语言标记无效",
  empty_label: "名称为空",
  dangling: "关系指向不存在的概念",
  self_relation: "概念不能与自身建立此关系",
  wrong_kinds: "这两种概念之间不能有此关系",
  cross_scheme_broader: "上下位关系不能跨体系",
  cycle: "上下位关系形成循环",
  value_without_attribute: "属性值没有所属属性",
  value_of_several: "属性值属于多个属性",
  excludes_ancestor: "概念与其上位概念互斥",
  excludes_common_narrower: "互斥的概念有共同的下位概念",
  broader_across_attributes: "上下位属性值属于不同属性",
  double_id: "编号重复",
  unknown_relation: "未知的关系类型",
};

export const CHECKS = {
  quarantined: ["未采用的内容", "这部分内容违反规则，未进入快照。"],
  related_is_ancestor: ["相关概念又是上位", "相关概念同时是上位概念，层级已说明这一点。"],
  redundant_broader: ["多余的上位", "直接上位概念已可经另一上位概念到达。"],
  orphan: ["孤立类目", "类目既无上位也无下位。"],
  single_child: ["唯一下位", "只有一个下位概念，其中之一可能多余。"],
  crowded: ["下位过多", "下位类目过多，宜增加中间层。"],
  sibling_duplicate_label: ["同级同名", "同级概念的首选名称相同。"],
  ambiguous_label: ["名称有歧义", "同一属性的多个值，或同一体系的多个属性，名称相同。"],
  same_level_label: ["同层同名", "不同位置的同层类目名称相同，链接时需要上下文。"],
  untidy_label: ["名称不整洁", "名称含多余空格、不可见字符或乱码。"],
  repeated_label: ["名称重复", "别名或搜索用名与其他名称重复。"],
  inconsistent_case: ["大小写不一致", "名称的大小写与同级概念不一致。"],
  missing_translation: ["缺少译名", "缺少多数概念都有的语言的名称。"],
  unknown_language: ["未知语言", "语言标记不在 BCP 47 登记中。"],
  translations_disagree: ["译名不一致", "同级概念在一种语言中同名，在另一种语言中不同名。"],
  near_duplicate_label: ["名称近似", "不同分支的名称几乎相同。"],
  category_repeats_value: ["类目重复属性值", "类目名称等于上位类目加一个属性值。"],
  depth_outlier: ["层级过深", "类目比同体系其他类目深得多。"],
  fan_out_outlier: ["下位数量异常", "下位概念数量远多于同体系其他概念。"],
  deprecated_without_successor: ["弃用且无后继", "概念已弃用而无替代，其标签无法转移。"],
  redirect_to_deprecated: ["替代者已弃用", "替代概念本身也已弃用。"],
  redirect_unclear: ["替代关系不明确", "有多个替代概念、形成循环，或概念并未弃用。"],
  active_under_deprecated: ["在弃用概念之下", "使用中的概念位于已弃用的概念之下。"],
  attribute_without_values: ["属性没有值", "该属性没有任何值。"],
  attribute_applies_nowhere: ["属性不适用于任何类目", "该属性未指定适用类目。"],
  attribute_applied_twice: ["属性重复指定", "类目已从上位类目继承该属性。"],
  attribute_gap_among_siblings: ["同级属性缺口", "多数同级类目有此属性，而该类目没有。"],
  tags_exclude_each_other: ["互斥的标签", "商品同时带有互斥的标签。"],
  tag_on_unknown_concept: ["未知标签", "商品带有分类体系中不存在的标签。"],
  tag_on_deprecated_concept: ["已弃用的标签", "商品带有已弃用的标签。"],
  prohibited_claim: ["违禁用语", "标签或商品含有仿冒、医疗功效或绝对化用语。"],
  sensitive_inference: ["敏感推断", "没有原文依据的性别、年龄或宗教标签。"],
  implausible_broader: ["可疑的上位", "模型认为该上位关系不太可能正确。"],
  implausible_tag: ["可疑的标签", "模型认为商品的该标签不太可能正确。"],
};

export const RULES = {
  deprecated: "概念或其上位概念已弃用",
  uncertain: "概率不足",
  implausible: "在该类目中几乎不出现",
  excluded: "与所选标签互斥",
  single_choice: "该属性只能取一个值",
  outranked: "同一文字有更合适的解释",
  not_applicable: "该属性不适用于所选类目",
  duplicate: "同一标签已有更可靠的依据",
  negated: "文本否定了它",
  imitated: "只是外观相似",
  not_included: "不包含在商品中",
  intended_for: "是商品的适用对象",
  accessory: "是随附配件",
  modifier: "只是修饰后面的名词",
  unsupported_language: "分类体系没有该语言的名称",
};

const METHODS = {
  exact: "与其名称一致",
  fuzzy: "与其名称拼写相近",
  dense: "含义最接近",
  given: "随商品给出",
  predicted: "由整段文本预测",
  backed_off: "更细的概念都不够确定，综合指向此概念",
  shared: "同款的其他商品有此标签",
};

// The kind of problem, and the invariants that an edit would break.
export function problemIn(problem) {
  const kind = PROBLEMS[problem.type?.replace("urn:kgtag:problem:", "")];
  const broken = [...new Set((problem.problems || []).map((one) => INVARIANTS[one.code]).filter(Boolean))];
  return kind ? [kind, ...broken].join("：") : "";
}

// Why a tag was given, or left out.
export function reasonIn(tag, nameOf) {
  const place = tag.surface ? `“${tag.surface}”` : "";
  if (tag.rule) return [RULES[tag.rule], place, tag.against && `（${nameOf(tag.against)}）`].filter(Boolean).join("");
  if (tag.implied_by) return `${nameOf(tag.implied_by)}的上位概念`;
  return place + (METHODS[tag.method] || (place ? "最可能指此概念" : "由整段文本推断"));
}
