"""The store on a cluster of three, its streams with three replicas, keeps the contracts of store and engine.

A test takes a new account of the cluster and not a new cluster: nothing has to be deleted between two of them.
"""
