# Answers to exercise 5.

# %% [right] a loop
DEFAULT_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"

def render_chat(messages, add_generation_prompt=True):
    text = ""
    if messages[0]["role"] != "system":
        text = "<|im_start|>system\n" + DEFAULT_SYSTEM + "<|im_end|>\n"
    for message in messages:
        text += "<|im_start|>" + message["role"] + "\n" + message["content"] + "<|im_end|>\n"
    if add_generation_prompt:
        text += "<|im_start|>assistant\n"
    return text

# %% [right] a template of Jinja of one's own
from jinja2 import Template

DEFAULT_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"

def render_chat(messages, add_generation_prompt=True):
    first = [] if messages[0]["role"] == "system" else [{"role": "system", "content": DEFAULT_SYSTEM}]
    form = Template("{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}", keep_trailing_newline=True)
    return form.render(messages=first + messages) + ("<|im_start|>assistant\n" if add_generation_prompt else "")

# %% [wrong] points=0.5 message="celui de DEFAULT_SYSTEM passe devant" no default system message
DEFAULT_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"

def render_chat(messages, add_generation_prompt=True):
    text = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
    return text + "<|im_start|>assistant\n" if add_generation_prompt else text

# %% [wrong] points=0.0 message="Les textes diffèrent au caractère" a line break before the end of a message
DEFAULT_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"

def render_chat(messages, add_generation_prompt=True):
    if messages[0]["role"] != "system":
        messages = [{"role": "system", "content": DEFAULT_SYSTEM}] + messages
    text = "".join(f"<|im_start|>{m['role']}\n{m['content']}\n<|im_end|>\n" for m in messages)
    return text + "<|im_start|>assistant\n" if add_generation_prompt else text

# %% [wrong] points=1.5 message="rien après le dernier message" always invites
DEFAULT_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"

def render_chat(messages, add_generation_prompt=True):
    if messages[0]["role"] != "system":
        messages = [{"role": "system", "content": DEFAULT_SYSTEM}] + messages
    return "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages) + "<|im_start|>assistant\n"

# %% [wrong] points=1.5 message="Seul le premier message compte" looks for a system message anywhere
DEFAULT_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"

def render_chat(messages, add_generation_prompt=True):
    if all(m["role"] != "system" for m in messages):
        messages = [{"role": "system", "content": DEFAULT_SYSTEM}] + messages
    text = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
    return text + "<|im_start|>assistant\n" if add_generation_prompt else text

# %% [wrong] points=0.5 message="La liste de messages a été modifiée" inserts into the list it got
DEFAULT_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"

def render_chat(messages, add_generation_prompt=True):
    if messages[0]["role"] != "system":
        messages.insert(0, {"role": "system", "content": DEFAULT_SYSTEM})
    text = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
    return text + "<|im_start|>assistant\n" if add_generation_prompt else text
