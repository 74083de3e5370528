# Answers to exercise 2.

# %% [right] one string that grows
def build_prompt(task, examples, query):
    text = task["instruction"] + "\n\n" if task["instruction"] else ""
    for example in examples:
        text += task["input"] + " : " + example["input"] + "\n" + task["output"] + " : " + example["output"] + "\n\n"
    return text + task["input"] + " : " + query + "\n" + task["output"] + " :"

# %% [right] the query as a last example, its answer cut off
def build_prompt(task, examples, query):
    blocks = [f"{task['input']} : {e['input']}\n{task['output']} : {e['output']}" for e in [*examples, {"input": query, "output": ""}]]
    return "\n\n".join(([task["instruction"]] if task["instruction"] else []) + blocks).rstrip()

# %% [wrong] points=0.0 message="finit par une espace" a space at the end
def build_prompt(task, examples, query):
    blocks = [task["instruction"]] if task["instruction"] else []
    blocks += [f"{task['input']} : {e['input']}\n{task['output']} : {e['output']}" for e in examples]
    return "\n\n".join([*blocks, f"{task['input']} : {query}\n{task['output']} : "])

# %% [wrong] points=0.75 message="commence par une espace ou un saut de ligne" an empty instruction leaves its blank line
def build_prompt(task, examples, query):
    blocks = [task["instruction"]]
    blocks += [f"{task['input']} : {e['input']}\n{task['output']} : {e['output']}" for e in examples]
    return "\n\n".join([*blocks, f"{task['input']} : {query}\n{task['output']} :"])

# %% [wrong] points=0.0 message="nombre de sauts de ligne" single line breaks between the blocks
def build_prompt(task, examples, query):
    blocks = [task["instruction"]] if task["instruction"] else []
    blocks += [f"{task['input']} : {e['input']}\n{task['output']} : {e['output']}" for e in examples]
    return "\n".join([*blocks, f"{task['input']} : {query}\n{task['output']} :"])

# %% [wrong] points=0.75 message="La liste d'exemples a été modifiée" appends the query to the list it got
def build_prompt(task, examples, query):
    examples.append({"input": query, "output": ""})
    blocks = [f"{task['input']} : {e['input']}\n{task['output']} : {e['output']}" for e in examples]
    return "\n\n".join(([task["instruction"]] if task["instruction"] else []) + blocks).rstrip()
