# Closing a listener carried no generation: a controller that had stood still beyond its lease closed the listener of a
# service that its successor had in the meantime been asked for again.
{"seed":2,"deeds":[],"fault_seconds":30.0,"rps":0.0,"lease_seconds":3.0}
{"do":"deploy","at":0.5,"shape":{"label":"v1","replicas":2,"weights":[25.0],"hold":3.0,"judged":false,"wait":0.0,"bake":0.0,"delay":null,"floor":0.5,"automatic":false,"judge":"threshold","deadline":20.0,"on_deadline":"pause","on_insufficient":"hold","on_error":"rollback","nature":{"ready_seconds":[0.3,1.5],"never_ready":0.0,"crashes":0.0,"crash_seconds":[0.1,20.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":1.0,"latency_ratio":1.0,"extra_errors":0.0}}}
{"do":"freeze","at":8.195,"seconds":16.82424190020044,"point":"remove"}
{"do":"ask","at":8.195,"verb":"down"}
