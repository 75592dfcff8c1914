#include "archive/torchscript_module.h"

#include <ATen/core/jit_type.h>
#include <torch/csrc/jit/api/module.h>

#include <cctype>
#include <iomanip>
#include <locale>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace virnucpro {

namespace {

struct TorchScriptSource {
  std::string class_name;
  // Methods of the whole module.
  std::string root;
  // Methods that every layer shares; empty for an architecture without layers.
  std::string layer;
};

// Independent of the locale of the process.
std::string number(double value) {
  std::ostringstream text;
  text.imbue(std::locale::classic());
  text << std::scientific << std::setprecision(16) << value;
  return text.str();
}

std::string replaced(std::string text, std::string_view placeholder, const std::string& value) {
  for (size_t at = text.find(placeholder); at != std::string::npos; at = text.find(placeholder, at + value.size())) {
    text.replace(at, placeholder.size(), value);
  }
  return text;
}

// TorchScript attributes may be called "0", "1", … like those of a ModuleList, but only getattr reaches them.
std::string calls_of_layers(int64_t layers, const std::string& arguments) {
  std::string calls;
  for (int64_t i = 0; i < layers; ++i) {
    calls += "    x = getattr(self.layers, \"" + std::to_string(i) + "\").forward(" + arguments + ")\n";
  }
  return calls;
}

constexpr const char* kEsm2Layer = R"(
def rotated(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    half = x.size(-1) // 2
    return x * cosine + torch.cat([-x[..., half:], x[..., :half]], dim=-1) * sine

def attended(self, x: Tensor, padding: Tensor, cosine: Tensor, sine: Tensor, heads: int) -> Tensor:
    shape = [x.size(0), x.size(1), heads, x.size(2) // heads]
    query = torch.linear(x, self.query.weight, self.query.bias) * float(shape[3]) ** -0.5
    key = torch.linear(x, self.key.weight, self.key.bias)
    value = torch.linear(x, self.value.weight, self.value.bias)
    query = self.rotated(query.view(shape).transpose(1, 2), cosine, sine)
    key = self.rotated(key.view(shape).transpose(1, 2), cosine, sine)
    scores = torch.matmul(query, key.transpose(2, 3)).float().masked_fill(padding, float('-inf'))
    values = torch.matmul(torch.softmax(scores, dim=-1).type_as(x), value.view(shape).transpose(1, 2))
    values = values.transpose(1, 2).reshape(x.size())
    return torch.linear(values, self.attention_output.weight, self.attention_output.bias)

def forward(self, x: Tensor, padding: Tensor, cosine: Tensor, sine: Tensor, heads: int) -> Tensor:
    width = [x.size(2)]
    normed = torch.layer_norm(x, width, self.attention_norm.weight, self.attention_norm.bias, 1e-05)
    x = x + self.attended(normed, padding, cosine, sine, heads)
    normed = torch.layer_norm(x, width, self.feed_forward_norm.weight, self.feed_forward_norm.bias, 1e-05)
    wide = torch.gelu(torch.linear(normed, self.up.weight, self.up.bias))
    return x + torch.linear(wide, self.down.weight, self.down.bias)
)";

// 0.88 = 1 - 0.15 * 0.8: ESM-2 was trained with token dropout, and scales by the fraction that it kept when nothing is
// masked.
constexpr const char* kEsm2Root = R"(
def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
    positions = torch.arange(tokens.size(1), device=tokens.device)
    is_padding = positions.unsqueeze(0) >= lengths.unsqueeze(1)
    x = torch.embedding(self.embed_tokens.weight, tokens) * 0.88
    x = x.masked_fill(is_padding.unsqueeze(2), 0.0)
    head_width = x.size(2) // HEADS
    exponents = torch.arange(0, head_width, 2, device=tokens.device).float() / float(head_width)
    angles = torch.outer(positions.float(), 1.0 / torch.pow(10000.0, exponents))
    angles = torch.cat([angles, angles], dim=-1)
    cosine = torch.cos(angles).type_as(x)
    sine = torch.sin(angles).type_as(x)
    padding = is_padding.unsqueeze(1).unsqueeze(2)
LAYERS    return torch.layer_norm(x, [x.size(2)], self.final_norm.weight, self.final_norm.bias, 1e-05)
)";

constexpr const char* kDnabertLayer = R"(
def attended(self, x: Tensor, bias: Tensor, heads: int) -> Tensor:
    shape = [x.size(0), x.size(1), 3, heads, x.size(2) // heads]
    projected = torch.linear(x, self.query_key_value.weight, self.query_key_value.bias).view(shape)
    query = projected.select(2, 0).transpose(1, 2) * float(shape[4]) ** -0.5
    key = projected.select(2, 1).transpose(1, 2)
    value = projected.select(2, 2).transpose(1, 2)
    scores = torch.matmul(query, key.transpose(2, 3)).float() + bias
    values = torch.matmul(torch.softmax(scores, dim=-1).type_as(x), value)
    values = values.transpose(1, 2).reshape(x.size())
    return torch.linear(values, self.attention_output.weight, self.attention_output.bias)

def forward(self, x: Tensor, bias: Tensor, heads: int, epsilon: float) -> Tensor:
    width = [x.size(2)]
    x = x + self.attended(x, bias, heads)
    x = torch.layer_norm(x, width, self.attention_norm.weight, self.attention_norm.bias, epsilon)
    both = torch.linear(x, self.gated.weight)
    half = both.size(2) // 2
    wide = torch.gelu(both[:, :, :half]) * both[:, :, half:]
    x = x + torch.linear(wide, self.down.weight, self.down.bias)
    return torch.layer_norm(x, width, self.output_norm.weight, self.output_norm.bias, epsilon)
)";

// The slopes of ALiBi: see model/alibi.h.
constexpr const char* kDnabertRoot = R"(
def slopes(self, tokens: Tensor, heads: int) -> Tensor:
    lower = 1
    while lower * 2 <= heads:
        lower *= 2
    exponents = torch.arange(1, lower + 1, device=tokens.device).float() * (8.0 / lower)
    if lower < heads:
        odd = torch.arange(1, 2 * (heads - lower), 2, device=tokens.device).float()
        exponents = torch.cat([exponents, odd * (4.0 / lower)])
    return torch.pow(2.0, -exponents)

def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
    positions = torch.arange(tokens.size(1), device=tokens.device)
    is_padding = positions.unsqueeze(0) >= lengths.unsqueeze(1)
    x = torch.embedding(self.word_embeddings.weight, tokens) + self.token_type_embeddings.weight[0]
    x = torch.layer_norm(x, [x.size(2)], self.embedding_norm.weight, self.embedding_norm.bias, EPSILON)
    distances = torch.abs(positions.unsqueeze(0) - positions.unsqueeze(1)).float()
    alibi = -distances * self.slopes(tokens, HEADS).view([HEADS, 1, 1])
    bias = alibi.unsqueeze(0).masked_fill(is_padding.unsqueeze(1).unsqueeze(2), float('-inf'))
LAYERS    return x
)";

constexpr const char* kClassifierRoot = R"(
def forward(self, features: Tensor) -> Tensor:
    hidden = torch.linear(features.float(), self.hidden.weight.float(), self.hidden.bias.float())
    scale = self.norm.weight.float() / torch.sqrt(self.norm.running_var.float() + EPSILON)
    hidden = torch.relu((hidden - self.norm.running_mean.float()) * scale + self.norm.bias.float())
    logits = torch.linear(hidden, self.output.weight.float(), self.output.bias.float())
    return torch.softmax(logits, dim=-1)
)";

TorchScriptSource source_of(const Esm2Architecture& sizes) {
  const std::string heads = std::to_string(sizes.heads);
  const std::string calls = calls_of_layers(sizes.layers, "x, padding, cosine, sine, " + heads);
  return {"Esm2", replaced(replaced(kEsm2Root, "HEADS", heads), "LAYERS", calls), kEsm2Layer};
}

TorchScriptSource source_of(const DnabertArchitecture& sizes) {
  const std::string heads = std::to_string(sizes.heads);
  const std::string epsilon = number(sizes.layer_norm_epsilon);
  const std::string calls = calls_of_layers(sizes.layers, "x, bias, " + heads + ", " + epsilon);
  const std::string root = replaced(replaced(kDnabertRoot, "HEADS", heads), "EPSILON", epsilon);
  return {"Dnabert2", replaced(root, "LAYERS", calls), kDnabertLayer};
}

TorchScriptSource source_of(const ClassifierArchitecture& sizes) {
  return {"Classifier", replaced(kClassifierRoot, "EPSILON", number(sizes.batch_norm_epsilon)), ""};
}

// The dotted paths of the parameters as a tree.
struct Node {
  std::vector<std::pair<std::string, Node>> children;
  std::vector<std::pair<std::string, at::Tensor>> tensors;

  Node& child(const std::string& name) {
    for (auto& [known, node] : children) {
      if (known == name) return node;
    }
    return children.emplace_back(name, Node{}).second;
  }

  void insert(const std::string& path, at::Tensor tensor) {
    Node* node = this;
    size_t start = 0;
    for (size_t dot; (dot = path.find('.', start)) != std::string::npos; start = dot + 1) {
      node = &node->child(path.substr(start, dot - start));
    }
    node->tensors.emplace_back(path.substr(start), std::move(tensor));
  }
};

bool is_layer(const std::string& name) { return std::isdigit(static_cast<unsigned char>(name.front())) != 0; }

// Modules of one class have the same members: all layers are one class, so their source is compiled and stored once.
std::string class_of(const std::string& name, const Node& node) {
  if (is_layer(name)) return "Layer";
  if (!node.children.empty()) return "Layers";
  if (node.tensors.size() == 1) return "Weight";
  return node.tensors.size() == 2 ? "WeightAndBias" : "BatchNorm";
}

class ModuleBuilder {
 public:
  explicit ModuleBuilder(TorchScriptSource source) : source_(std::move(source)) {}

  torch::jit::Module root(const Node& tree) {
    auto module = filled(tree, source_.class_name);
    module.define(source_.root);
    return module;
  }

 private:
  torch::jit::Module filled(const Node& node, const std::string& class_name) {
    const c10::QualifiedName name("__torch__.virnucpro." + class_name);
    const auto known = unit_->get_class(name);
    auto module = known ? torch::jit::Module(unit_, known) : torch::jit::Module(name, unit_);
    module.register_attribute("training", c10::BoolType::get(), false);
    for (const auto& [tensor_name, tensor] : node.tensors) {
      module.register_parameter(tensor_name, tensor, tensor_name.rfind("running_", 0) == 0);
    }
    for (const auto& [child_name, child] : node.children) {
      module.register_module(child_name, filled(child, class_of(child_name, child)));
    }
    if (!known && class_name == "Layer") module.define(source_.layer);
    return module;
  }

  TorchScriptSource source_;
  std::shared_ptr<torch::jit::CompilationUnit> unit_ = std::make_shared<torch::jit::CompilationUnit>();
};

}  // namespace

torch::jit::Module make_module(const Architecture& architecture, const ParameterMap& parameters) {
  Node tree;
  for (const auto& [name, shape] : parameters_of(architecture)) tree.insert(name, parameters.at(name));
  auto source = std::visit([](const auto& sizes) { return source_of(sizes); }, architecture);
  return ModuleBuilder(std::move(source)).root(tree);
}

}  // namespace virnucpro
