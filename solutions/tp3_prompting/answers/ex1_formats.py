# Answers to exercise 1.

# %% [right] concatenation
def format_gpt1(context, question):
    return "<s> " + context + " $ " + question + " <e>"

def format_t5(context, question):
    return "question: " + question + " context: " + context

def format_gpt2(context, question):
    return context + "\nQ: " + question + "\nA:"

# %% [right] join
def format_gpt1(context, question):
    return " ".join(["<s>", context, "$", question, "<e>"])

def format_t5(context, question):
    return " ".join(["question:", question, "context:", context])

def format_gpt2(context, question):
    return "\n".join([context, f"Q: {question}", "A:"])

# %% [wrong] points=0.25 message="finit par une espace" a space after A:
def format_gpt1(context, question):
    return f"<s> {context} $ {question} <e>"

def format_t5(context, question):
    return f"question: {question} context: {context}"

def format_gpt2(context, question):
    return f"{context}\nQ: {question}\nA: "

# %% [wrong] points=0.25 message="format_t5" context before question
def format_gpt1(context, question):
    return f"<s> {context} $ {question} <e>"

def format_t5(context, question):
    return f"context: {context} question: {question}"

def format_gpt2(context, question):
    return f"{context}\nQ: {question}\nA:"

# %% [wrong] points=0.25 message="nombre de sauts de ligne" a blank line too many
def format_gpt1(context, question):
    return f"<s> {context} $ {question} <e>"

def format_t5(context, question):
    return f"question: {question} context: {context}"

def format_gpt2(context, question):
    return f"{context}\n\nQ: {question}\nA:"

# %% [wrong] points=0.0 message="vaut None" prints instead of returning
def format_gpt1(context, question):
    print(f"<s> {context} $ {question} <e>")

def format_t5(context, question):
    print(f"question: {question} context: {context}")

def format_gpt2(context, question):
    print(f"{context}\nQ: {question}\nA:")
