"""The network's forward pass: from gains and a goal to powers, by the weights of a folder."""
